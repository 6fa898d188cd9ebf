import { type Item, parseItem } from 'structured-headers'
import { type Duration, parseDuration, SettingError } from '../../../kernel/index.ts'
import { isSignatureAlgorithm, type SignatureAlgorithm, signatureAlgorithms } from './algorithm.ts'
import { type Component, readComponent } from './component.ts'

/** A parameter that a policy can ask for. */
export type SignatureParameter = 'created' | 'expires' | 'nonce' | 'alg' | 'keyid' | 'tag'

/** What a signature must be like to be accepted. */
export interface SignaturePolicy {
  /**
   * What must be covered: names (`content-type`) or identifiers (`"priority";key="u"`). `@target-uri` stands for
   * `@scheme`, `@authority`, `@path` and `@query`, `@request-target` for the last two; `@query` is asked for only
   * when there is one. @default `@method`, `@authority`, `@path`, `@query`
   */
  readonly components?: readonly string[]
  /** With a body, a covered `Content-Digest`. @default `'required'` */
  readonly digest?: 'required' | 'optional'
  /** @default `created` and `keyid`, and `nonce` where nonces are remembered */
  readonly requires?: readonly SignatureParameter[]
  /** Accepted this long after `created`; without `created`, `expires` may lie this far ahead. @default 5 minutes */
  readonly maxAge?: Duration
  /** How far the clocks of both sides may differ. @default 30 seconds */
  readonly clockSkew?: Duration
  /** @default all */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /** Only signatures with this tag are looked at, as if the others were not there. @default any tag, or none */
  readonly tag?: string
}

/** A policy with its defaults, read once. */
export interface ReadPolicy {
  readonly components: readonly Component[]
  readonly digestRequired: boolean
  readonly requires: readonly SignatureParameter[]
  readonly maxAgeSeconds: number
  readonly skewSeconds: number
  readonly algorithms: ReadonlySet<SignatureAlgorithm>
  readonly tag: string | undefined
}

const parameters: readonly SignatureParameter[] = ['created', 'expires', 'nonce', 'alg', 'keyid', 'tag']

/** @param remembersNonces whether there is a replay store. @throws SettingError */
export function readPolicy (policy: SignaturePolicy, remembersNonces: boolean): ReadPolicy {
  const { digest = 'required', tag, algorithms = signatureAlgorithms } = policy
  const { components = ['@method', '@authority', '@path', '@query'] } = policy
  const { requires = remembersNonces ? ['created', 'keyid', 'nonce'] : ['created', 'keyid'] } = policy
  for (const one of requires) {
    if (!parameters.includes(one))
      throw new SettingError('verify.requires', `of ${parameters.join(', ')}`, one)
  }
  for (const one of algorithms) {
    if (!isSignatureAlgorithm(one)) {
      throw new SettingError('verify.algorithms', `of ${signatureAlgorithms.join(', ')}`, one)
    }
  }
  if (algorithms.length === 0)
    throw new SettingError('verify.algorithms', 'at least one algorithm', algorithms)
  if (tag !== undefined && !/^[\x20-\x7e]+$/.test(tag)) {
    throw new SettingError('verify.tag', 'visible ASCII', tag)
  }
  return {
    components: components.map(readRequired),
    digestRequired: digest === 'required',
    requires,
    maxAgeSeconds: parseDuration(policy.maxAge ?? '5m', 'verify.maxAge') / 1000,
    skewSeconds: parseDuration(policy.clockSkew ?? '30s', 'verify.clockSkew') / 1000,
    algorithms: new Set(algorithms),
    tag,
  }
}

/** A component as a person writes it, for a policy or for signing. @throws SettingError */
export function readRequired (text: string): Component {
  const wrong = (): SettingError =>
    new SettingError('components', 'names such as @method or content-type, or identifiers in quotes', text)
  let item: Item
  try {
    item = text.startsWith('"') ? parseItem(text) : [text.toLowerCase(), new Map()]
  } catch {
    throw wrong()
  }
  const component = readComponent(item)
  if ('reason' in component) throw wrong()
  return component
}
