import { type Duration, parseDuration, SettingError } from '../../../kernel/index.ts'

/** What a CDN may keep; what is left out is as for the service's own cache. */
export interface CdnPolicy {
  readonly ttl?: Duration
  readonly staleWhileRevalidate?: Duration
  readonly staleIfError?: Duration
  /**
   * Request headers that the CDN keys on, and that tell the scopes apart, e.g. `['x-tenant']`. Without it, a route
   * whose scope is not public is never kept by a CDN. You promise that the CDN does key on them, and that no client
   * can set them itself.
   */
  readonly keyedBy?: readonly string[]
}

/** One policy a route: how long what may be kept, and by whom. */
export interface EdgePolicyOptions {
  /** How long a response is fresh; at the origin, and everywhere that says nothing else. */
  readonly ttl: Duration
  /** How long after that it may be served while it is being refreshed. @default 0 */
  readonly staleWhileRevalidate?: Duration
  /** How long after that it may be served while the origin fails. @default 0 */
  readonly staleIfError?: Duration
  /** Who may get the same response: everyone, those of one tenant or user, or those whom a function puts together. */
  readonly scope: 'public' | 'tenant' | 'user' | ((request: never) => string | undefined)
  /** Whether it has tags, by which it is purged; those of a response come with it. */
  readonly tags?: unknown
  /** Request headers that choose between its forms. */
  readonly vary?: readonly string[]
  /** Languages it is served in, by `Accept-Language`. */
  readonly locales?: readonly string[]
  /** Media types it is served in, by `Accept`. */
  readonly types?: readonly string[]
  /** How long 404 and 410 are kept, at the origin and in CDNs. @default not at all */
  readonly negative?: Duration
  /**
   * How long browsers keep it without asking; no purge reaches them.
   * @default the ttl for a public route without tags; else 0: they ask each time, and get 304
   */
  readonly browser?: Duration
  /** The content at the URL never changes: browsers do not even ask on a reload. Needs a `browser` ttl above 0. @default false */
  readonly immutable?: boolean
  /** `false` keeps it out of CDNs. @default as for the service's own cache */
  readonly cdn?: CdnPolicy | false
}

/** A policy in whole seconds, as headers write it. */
export interface ResolvedEdgePolicy {
  readonly isPublic: boolean
  readonly browserSeconds: number
  readonly immutable: boolean
  /** Undefined where no CDN may keep it. */
  readonly cdn: CdnSeconds | undefined
  readonly negativeSeconds: number
  readonly vary: readonly string[]
}

export interface CdnSeconds {
  readonly ttl: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
}

/** RFC 9111, 1.2.2: the largest number of seconds that a recipient must understand. */
const mostSeconds = 2 ** 31

const headerName = /^[!#$%&'*+.^_`|~\w-]+$/

/**
 * @param name the route, for errors
 * @param credentials request headers that tell callers apart
 * @throws SettingError for what cannot be meant, or would leak
 */
export function resolveEdgePolicy (
  name: string,
  options: EdgePolicyOptions,
  credentials: readonly string[]
): ResolvedEdgePolicy {
  const { scope, vary = [], locales = [], types = [], immutable = false } = options
  const setting = (field: string): string => `${name}: cache.${field}`
  const seconds = (field: string, value: Duration | undefined): number => wholeSeconds(setting(field), value)
  if (scope !== 'public' && scope !== 'tenant' && scope !== 'user' && typeof scope !== 'function') {
    throw new SettingError(setting('scope'), '"public", "tenant", "user" or a function', scope)
  }
  if (options.ttl === undefined) throw new SettingError(setting('ttl'), 'a duration such as "30s"', undefined)
  const isPublic = scope === 'public'
  const own: CdnSeconds = {
    ttl: seconds('ttl', options.ttl),
    staleWhileRevalidate: seconds('staleWhileRevalidate', options.staleWhileRevalidate),
    staleIfError: seconds('staleIfError', options.staleIfError),
  }
  const cdn = checkedCdn(setting('cdn'), options.cdn)
  const keyedBy = headerNames(setting('cdn.keyedBy'), cdn?.keyedBy ?? [])
  const purgeable = Array.isArray(options.tags) ? options.tags.length > 0 : options.tags !== undefined
  const asks = (!isPublic || purgeable) && !immutable
  const browserSeconds = seconds('browser', options.browser ?? (asks ? 0 : options.ttl))
  if (immutable && browserSeconds === 0) {
    throw new SettingError(setting('immutable'), 'false where browsers keep nothing', immutable)
  }
  const cdnSeconds = (field: keyof CdnSeconds): number =>
    cdn?.[field] === undefined ? own[field] : seconds(`cdn.${field}`, cdn[field])
  return {
    isPublic,
    browserSeconds,
    immutable,
    cdn: cdn === undefined || !(isPublic || keyedBy.length > 0) ? undefined : {
      ttl: cdnSeconds('ttl'),
      staleWhileRevalidate: cdnSeconds('staleWhileRevalidate'),
      staleIfError: cdnSeconds('staleIfError'),
    },
    negativeSeconds: seconds('negative', options.negative),
    vary: unique([
      ...headerNames(setting('vary'), vary),
      ...(locales.length > 0 ? ['accept-language'] : []),
      ...(types.length > 0 ? ['accept'] : []),
      ...keyedBy,
      // A CDN that keys by tenant would keep one copy a caller if it had to look at the credentials as well.
      ...(isPublic || keyedBy.length > 0 ? [] : credentials),
    ]),
  }
}

const cdnMembers: readonly string[] = [
  'ttl',
  'staleWhileRevalidate',
  'staleIfError',
  'keyedBy',
] satisfies (keyof CdnPolicy)[]

/** Undefined for `false`. */
function checkedCdn (setting: string, cdn: CdnPolicy | false = {}): CdnPolicy | undefined {
  if (cdn === false) return undefined
  if (
    typeof cdn !== 'object' || cdn === null ||
    !Object.keys(cdn).every((member) => cdnMembers.includes(member))
  ) {
    throw new SettingError(setting, `false, or an object of ${cdnMembers.join(', ')}`, cdn)
  }
  return cdn
}

/** @throws SettingError unless each is a header's name; `*` would keep every response out of every cache */
export function headerNames (setting: string, names: readonly string[]): readonly string[] {
  for (const name of names) {
    if (typeof name !== 'string' || !headerName.test(name) || name === '*') {
      throw new SettingError(setting, 'names of request headers, and not "*"', name)
    }
  }
  return names.map((name) => name.toLowerCase())
}

/** Rounded down: nothing is kept longer than it may be. */
function wholeSeconds (setting: string, value: Duration | undefined): number {
  const seconds = value === undefined ? 0 : Math.floor(parseDuration(value, setting) / 1_000)
  if (seconds > mostSeconds) throw new SettingError(setting, `at most ${mostSeconds} seconds`, value)
  return seconds
}

function unique (names: readonly string[]): readonly string[] {
  return [...new Set(names)]
}
