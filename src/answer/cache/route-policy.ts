import { parseDuration, SettingError } from '../../kernel/index.ts'
import type { CachePolicy, CacheScope } from './policy.ts'
import { compileTags, type TagsOf } from './tags.ts'

/** A route that is to be cached. */
export interface CachedRouteOptions<Request = unknown> {
  /** Method and pattern, e.g. `GET /products/:id`: part of each key, and a label of the metrics. */
  readonly name: string
  readonly method: string
  readonly pattern: string
  readonly policy: CachePolicy<Request>
  /** What the service can tell of a caller before the cache is asked. */
  readonly knows: { readonly tenant: boolean; readonly user: boolean }
  /**
   * The route asks who its caller is. Its answers are public only if its policy says so twice.
   *
   * @default false
   */
  readonly identified?: boolean
  /**
   * Who may have the answer is decided after the cache has been asked, by a signature's verification say, so
   * that none can be served from it.
   *
   * @default false
   */
  readonly guarded?: boolean
  /** Parts of the query that the route's schema names. @default unknown: all */
  readonly queryNames?: readonly string[]
  /**
   * Request headers by which `variant` of a request was chosen, so that an answer may vary on them.
   *
   * @default none
   */
  readonly variedBy?: readonly string[]
  /**
   * Headers for clients and other caches, put in place of those of the same name when an answer is kept; not
   * read by this cache. `headers` are the handler's own.
   *
   * @default none
   */
  readonly edgeHeaders?: (made: EdgeInput) => readonly (readonly [name: string, value: string])[]
}

export interface EdgeInput {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number | readonly string[] | undefined>>
  readonly tags: readonly string[]
}

/** A policy that has been checked. Durations in milliseconds. */
export interface RoutePolicy<Request> {
  readonly ttlMs: number
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  readonly negativeMs: number
  readonly scope: CacheScope<Request>
  readonly bypassesCredentials: boolean
  readonly tagsOf: TagsOf<Request>
  /** Undefined: all of them. */
  readonly query: readonly string[] | undefined
  readonly vary: readonly string[]
  readonly locales: readonly string[] | undefined
  readonly types: readonly string[] | undefined
  readonly version: CachePolicy<Request>['version']
  readonly checksVersionAlways: boolean
  readonly encodings: readonly string[]
  readonly honoursClient: boolean
  readonly servesUnreachable: boolean
  /** Request headers that an answer may vary on, because the key holds what it needs of them. */
  readonly keyedHeaders: ReadonlySet<string>
}

const yearMs = 365 * 86_400_000
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/

const members: ReadonlySet<string> = new Set<keyof CachePolicy | 'cdn'>([
  'ttl',
  'staleWhileRevalidate',
  'staleIfError',
  'scope',
  'credentials',
  'tags',
  'query',
  'vary',
  'locales',
  'types',
  'negative',
  'version',
  'checkVersion',
  'encodings',
  'clientDirectives',
  'whenUnreachable',
  'cdn',
])

/**
 * Checks what a route says of its cache.
 *
 * @param encodings what answers can be encoded in
 * @throws SettingError for a policy that is wrong, or that could give one caller's answer to another
 */
export function resolvePolicy<Request> (
  options: CachedRouteOptions<Request>,
  encodings: readonly string[]
): RoutePolicy<Request> {
  const { policy, name } = options
  const at = (member: string): string => `${name} config.cache${member === '' ? '' : `.${member}`}`
  if (typeof policy !== 'object' || policy === null)
    throw new SettingError(at(''), 'an object with ttl and scope', policy)
  for (const member of Object.keys(policy)) {
    if (!members.has(member)) throw new SettingError(at(member), `one of ${[...members].join(', ')}`, member)
  }
  if (options.method !== 'GET') throw new SettingError(at(''), 'used on a GET route', options.method)
  if (options.guarded === true) {
    throw new SettingError(
      at(''),
      'absent from a route whose callers are verified after the cache has answered',
      policy
    )
  }
  checkScope(options, at)
  const ms = (
    member: 'ttl' | 'staleWhileRevalidate' | 'staleIfError' | 'negative',
    value: unknown
  ): number => {
    const parsed = parseDuration(value, at(member))
    if (parsed > yearMs) throw new SettingError(at(member), 'at most "365d"', value)
    return parsed
  }
  const ttlMs = ms('ttl', policy.ttl)
  if (ttlMs === 0) throw new SettingError(at('ttl'), 'above 0', policy.ttl)
  const vary = (names(policy.vary, at('vary')) ?? []).map((header) => checkedHeader(header, at('vary')))
  const locales = choices(policy.locales, at('locales'))
  const types = choices(policy.types, at('types'))
  return {
    ttlMs,
    staleWhileRevalidateMs: ms('staleWhileRevalidate', policy.staleWhileRevalidate ?? 0),
    staleIfErrorMs: ms('staleIfError', policy.staleIfError ?? 0),
    negativeMs: ms('negative', policy.negative ?? 0),
    scope: policy.scope,
    bypassesCredentials: policy.scope === 'public' &&
      oneOf(policy.credentials, ['bypass', 'ignore'], at('credentials')) === 'bypass',
    tagsOf: compileTags(policy.tags ?? [], options.pattern, at('tags')),
    query: names(policy.query, at('query')) ?? options.queryNames,
    vary,
    locales,
    types,
    version: optionalFunction(policy.version, at('version')),
    checksVersionAlways:
      oneOf(policy.checkVersion, ['when-stale', 'always'], at('checkVersion')) === 'always',
    encodings: encodingsOf(policy.encodings, encodings, at('encodings')),
    honoursClient: oneOf(policy.clientDirectives, ['ignore', 'honour'], at('clientDirectives')) === 'honour',
    servesUnreachable:
      oneOf(policy.whenUnreachable, ['serve', 'revalidate'], at('whenUnreachable')) === 'serve',
    keyedHeaders: new Set([
      ...vary,
      ...options.variedBy ?? [],
      'accept-encoding',
      'host',
      ...locales === undefined ? [] : ['accept-language'],
      ...types === undefined ? [] : ['accept'],
    ]),
  }
}

function checkScope<Request> (
  { policy, knows, identified = false }: CachedRouteOptions<Request>,
  at: (member: string) => string
): void {
  const { scope, credentials } = policy
  if (typeof scope !== 'function' && scope !== 'public' && scope !== 'tenant' && scope !== 'user')
    throw new SettingError(at('scope'), "'public', 'tenant', 'user' or a function", scope)
  if (scope === 'tenant' && !knows.tenant)
    throw new SettingError(
      at('scope'),
      "'tenant' only where the service knows a request's tenant (tenantOf)",
      scope
    )
  if (scope === 'user' && !knows.user)
    throw new SettingError(
      at('scope'),
      "'user' only where the service knows a request's user (userOf)",
      scope
    )
  if (scope === 'public' && identified && credentials === undefined) {
    throw new SettingError(
      at('scope'),
      "'tenant', 'user' or a function on a route that asks who its caller is, or 'public' with credentials: 'ignore' when the answer is the same for all",
      scope
    )
  }
}

function checkedHeader (header: string, setting: string): string {
  const name = header.toLowerCase()
  if (name === 'authorization' || name === 'cookie')
    throw new SettingError(setting, `without ${name}: say scope 'user' or 'tenant', or a function`, header)
  if (!token.test(name) || name === '*') throw new SettingError(setting, 'names of request headers', header)
  return name
}

function names (given: readonly string[] | undefined, setting: string): readonly string[] | undefined {
  if (given === undefined) return undefined
  if (!Array.isArray(given) || !given.every((name) => typeof name === 'string' && name !== ''))
    throw new SettingError(setting, 'a list of names', given)
  return [...new Set(given)].toSorted()
}

/** In the order of preference. */
function choices (given: readonly string[] | undefined, setting: string): readonly string[] | undefined {
  if (given === undefined) return undefined
  const isList = Array.isArray(given) && given.length > 0 &&
    given.every((one) => /^[\w.+/-]{1,127}$/.test(one))
  if (!isList) throw new SettingError(setting, 'a list of at least one', given)
  return [...given]
}

function oneOf<Choice extends string> (
  given: Choice | undefined,
  [first, second]: readonly [Choice, Choice],
  setting: string
): Choice {
  if (given === undefined || given === first || given === second) return given ?? first
  throw new SettingError(setting, `'${first}' or '${second}'`, given)
}

function optionalFunction<Kind> (given: Kind | undefined, setting: string): Kind | undefined {
  if (given !== undefined && typeof given !== 'function') throw new SettingError(setting, 'a function', given)
  return given
}

function encodingsOf (
  given: readonly string[] | undefined,
  possible: readonly string[],
  setting: string
): readonly string[] {
  if (given === undefined) return possible
  if (!Array.isArray(given) || !given.every((encoding) => possible.includes(encoding)))
    throw new SettingError(setting, `a list of ${possible.join(', ') || 'none, as nothing encodes'}`, given)
  return given
}
