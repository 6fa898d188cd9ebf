import { parseList } from 'structured-headers'
import type { CacheRequest, MadeResponse } from './cache-request.ts'
import { tagOf } from './entity-tag.ts'
import type { CachedRouteOptions, RoutePolicy } from './route-policy.ts'
import type { StoredAnswer } from './stored-answer.ts'
import { judge, type Refusal, textOf } from './storing.ts'
import { checkTags } from './tags.ts'

/** What a route's answers are kept by. */
export interface KeepingRules<Request> {
  readonly policy: RoutePolicy<Request>
  readonly edgeHeaders: CachedRouteOptions<Request>['edgeHeaders']
  readonly maxBodyBytes: number
  /** Lower-case names of headers that belong to one request. */
  readonly perRequestHeaders: ReadonlySet<string>
}

/** What is known of an answer beside itself. */
export interface Making {
  readonly key: string
  readonly sequence: number
  readonly version: string | undefined
  readonly epochMs: number
}

/** Of a connection, of one use of the answer, or written anew for each answer. */
const neverKept: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'age',
  'cache-status',
  'content-encoding',
  'content-length',
  'date',
  'etag',
  'set-cookie',
])

/** Makes of a handler's answer what is to be kept, or says why it may not be. */
export function keepAnswer<Request> (
  rules: KeepingRules<Request>,
  request: CacheRequest<Request>,
  response: MadeResponse,
  making: Making
): StoredAnswer | Refusal {
  const { policy } = rules
  const lifetime = judge(response, policy, textOf(request.headers['origin']))
  if (typeof lifetime === 'string') return lifetime
  const own = checkTags([...policy.tagsOf(request.source, request.params), ...response.tags ?? []])
  if (own === undefined) return 'tags'
  const body = bytesOf(response.body)
  if (body.length > rules.maxBodyBytes) return 'too-large'
  const { status, headers } = response
  const hasTag = status === 200 || status === 203
  return {
    key: making.key,
    status,
    headers: keptHeaders(rules, response, own),
    body,
    etag: hasTag ? tagOf(textOf(headers['etag']), body) : undefined,
    tags: [
      ...own,
      ...groupTags(request.origin, textOf(headers['cache-groups'])),
      uriTag(request.origin, request.url),
    ],
    sequence: making.sequence,
    version: making.version,
    madeEpochMs: making.epochMs - lifetime.ageMs,
    freshMs: lifetime.ageMs + lifetime.freshMs,
    staleWhileRevalidateMs: lifetime.staleWhileRevalidateMs,
    staleIfErrorMs: lifetime.staleIfErrorMs,
    neverStale: lifetime.neverStale,
  }
}

function keptHeaders<Request> (
  { policy, edgeHeaders, perRequestHeaders }: KeepingRules<Request>,
  { status, headers }: MadeResponse,
  tags: readonly string[]
): string[] {
  const edge = edgeHeaders?.({ status, headers, tags }) ?? []
  const dropped = new Set([
    ...edge.map(([name]) => name.toLowerCase()),
    // A connection's own headers go no further.
    ...(textOf(headers['connection']) ?? '').split(',').map((name) => name.trim().toLowerCase()),
    'vary',
  ])
  const kept: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    const text = textOf(value)
    const isKept = text !== undefined && !neverKept.has(name) && !perRequestHeaders.has(name) &&
      !dropped.has(name)
    if (isKept) kept.push(name, text)
  }
  for (const [name, value] of edge) if (name.toLowerCase() !== 'vary') kept.push(name.toLowerCase(), value)
  const vary = varyOf(policy, [
    textOf(headers['vary']),
    ...edge.filter(([name]) => name.toLowerCase() === 'vary').map(([, value]) => value),
  ])
  if (vary !== '') kept.push('vary', vary)
  return kept
}

/** What other caches have to key by, too: what the handler says, and what this one's key holds. */
function varyOf (policy: RoutePolicy<never>, said: readonly (string | undefined)[]): string {
  const names = said.flatMap((value) => value?.split(',') ?? []).map((name) => name.trim().toLowerCase())
  const keyed = [
    ...policy.vary,
    ...policy.locales === undefined ? [] : ['accept-language'],
    ...policy.types === undefined ? [] : ['accept'],
    ...policy.encodings.length === 0 ? [] : ['accept-encoding'],
  ]
  return [...new Set([...names, ...keyed])].filter((name) => name !== '').join(', ')
}

function bytesOf (body: MadeResponse['body']): Buffer {
  if (typeof body === 'string') return Buffer.from(body)
  if (body === undefined || body === null) return Buffer.alloc(0)
  // The handler may go on to write into its own.
  return Buffer.from(body)
}

/** By which all answers of a URI are purged, whatever their query, after an unsafe request to it. */
export function uriTag (origin: string, url: string): string {
  const queryAt = url.indexOf('?')
  return `\0uri ${origin}${queryAt < 0 ? url : url.slice(0, queryAt)}`
}

/**
 * The tags of the groups that a `Cache-Groups` or `Cache-Group-Invalidation` names. A header that cannot be
 * read names none.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9875
 */
export function groupTags (origin: string, header: string | undefined): readonly string[] {
  if (header === undefined) return []
  try {
    const groups = parseList(header).map(([item]) => item).filter((item) => typeof item === 'string')
    return groups.slice(0, 64).map((group) => `\0group ${origin} ${group}`)
  } catch {
    return []
  }
}
