import { type InnerList, serializeInnerList } from 'structured-headers'
import { type Clock, SettingError, systemClock } from '../../../kernel/index.ts'
import { contentDigest, type DigestAlgorithm } from '../digest/index.ts'
import type { SigningKey } from './key.ts'
import { readRequired } from './policy.ts'
import { readComponents, signatureBase } from './signature-base.ts'
import { FieldLines, type SignedRequest } from './signed-request.ts'
import { structuredFields, type StructuredKind } from './structured-field.ts'
import { readTarget } from './target.ts'

export interface SignRequestOptions {
  readonly method: string
  /** Absolute, as it will be sent: what a client library rewrites afterwards breaks the signature. */
  readonly url: string | URL
  /** Those to be covered, at least. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** As it will be sent, after any content coding. */
  readonly body?: string | Uint8Array
  readonly key: SigningKey
  /**
   * Names (`content-type`) or identifiers (`"priority";key="u"`). @default `@method`, `@authority`, `@path`, `@query`
   * when there is one, and `content-digest` when there is a body
   */
  readonly components?: readonly string[]
  /** @default `sig1` */
  readonly label?: string
  readonly tag?: string
  /** Used once: 16 random bytes will do. Asked for by whoever remembers them. */
  readonly nonce?: string
  /** Seconds from now after which it is no longer valid. @default the verifier's own limit */
  readonly expiresInSeconds?: number
  /** Whether `alg` is written; the key says it already. @default false */
  readonly nameAlgorithm?: boolean
  /** @default `sha-256` */
  readonly digest?: DigestAlgorithm
  readonly structuredFields?: Readonly<Record<string, StructuredKind>>
  readonly clock?: Clock
}

/** Fields to add to the request, by lower-case name. */
export interface SignatureHeaders {
  'signature-input': string
  'signature': string
  /** There when there is a body and the request had none. */
  'content-digest'?: string
}

/**
 * Signs a request that is about to be sent.
 *
 * @throws SettingError when a component is covered that the request does not have
 * @see https://www.rfc-editor.org/rfc/rfc9421#section-3.1
 */
export function signRequest (options: SignRequestOptions): SignatureHeaders {
  const { key, label = 'sig1', body } = options
  if (!/^[a-z*][a-z0-9_.*-]*$/.test(label)) {
    throw new SettingError('sign.label', 'lower-case letters, digits and _-.*', label)
  }
  const lines = headerLines(options.headers)
  const hasBody = body !== undefined && body.length > 0
  const given = new FieldLines(lines).value('content-digest')
  const digest = hasBody && given === undefined ? contentDigest(body, options.digest) : undefined
  if (digest !== undefined) lines.push('content-digest', digest)
  const request = requestOf(options, lines, hasBody)
  const target = readTarget(request)
  if (target === undefined) throw new SettingError('sign.url', 'an http or https URL', String(options.url))
  const names = options.components ?? [
    '@method',
    '@authority',
    '@path',
    ...(target.query === undefined ? [] : ['@query']),
    ...(hasBody || given !== undefined ? ['content-digest'] : []),
  ]
  const components = names.map(readRequired)
  const input: InnerList = [
    components.map(({ name, parameters }) => [name, parameters]),
    parametersOf(options),
  ]
  const repeated = readComponents(input)
  if ('reason' in repeated) throw new SettingError('sign.components', 'each covered once', repeated.about)
  const structured = { ...structuredFields, ...options.structuredFields }
  const base = signatureBase(components, input, {
    request,
    target,
    fields: new FieldLines(lines),
    structured,
  })
  if (typeof base !== 'string') {
    throw new SettingError('sign.components', 'covered by what the request has', base.about)
  }
  return {
    'signature-input': `${label}=${serializeInnerList(input)}`,
    'signature': `${label}=:${key.sign(Buffer.from(base, 'latin1')).toString('base64')}:`,
    ...(digest === undefined ? {} : { 'content-digest': digest }),
  }
}

function headerLines (headers: SignRequestOptions['headers'] = {}): string[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (value === undefined) return []
    return typeof value === 'string' ? [name, value] : value.flatMap((one) => [name, one])
  })
}

function requestOf (options: SignRequestOptions, rawHeaders: string[], hasBody: boolean): SignedRequest {
  const url = new URL(options.url)
  const scheme = url.protocol === 'https:' ? 'https' : url.protocol === 'http:' ? 'http' : undefined
  if (scheme === undefined) throw new SettingError('sign.url', 'an http or https URL', url.protocol)
  return {
    method: options.method,
    target: url.pathname + url.search,
    scheme,
    authority: url.host,
    rawHeaders,
    hasBody,
  }
}

function parametersOf (options: SignRequestOptions): Map<string, string | number> {
  const { clock = systemClock, expiresInSeconds, nonce, tag, key } = options
  const created = Math.floor(clock.epochMs() / 1000)
  const parameters = new Map<string, string | number>([['created', created]])
  if (expiresInSeconds !== undefined) {
    if (!(expiresInSeconds >= 1)) {
      throw new SettingError('sign.expiresInSeconds', 'at least 1', expiresInSeconds)
    }
    parameters.set('expires', created + Math.floor(expiresInSeconds))
  }
  parameters.set('keyid', key.id)
  if (options.nameAlgorithm === true) parameters.set('alg', key.algorithm)
  if (nonce !== undefined) parameters.set('nonce', nonce)
  if (tag !== undefined) parameters.set('tag', tag)
  return parameters
}
