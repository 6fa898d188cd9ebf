import { hash } from 'node:crypto'
import type { CacheRequest } from './cache-request.ts'
import type { BypassReason } from './found.ts'
import { localeChooser, typeChooser } from './negotiation.ts'
import type { RoutePolicy } from './route-policy.ts'

/** Why there is no key. */
export class NoKey {
  readonly reason: BypassReason

  constructor (reason: BypassReason) {
    this.reason = reason
  }
}

const tooLong = new NoKey('url-too-long')
const noScope = new NoKey('no-scope')
const notAcceptable = new NoKey('not-acceptable')

/** In characters, of a URL and of a whole key. */
const longestUrl = 4_096
const longestKey = 8_192

/**
 * Makes the keys of one route. Whatever a caller can choose stands in a key with its length before it, so
 * that no two sets of inputs have one key: a key is read from left to right in one way only.
 */
export class KeyMaker<Request> {
  readonly #prefix: string
  readonly #policy: RoutePolicy<Request>
  readonly #failed: (error: unknown) => void
  #lastOrigin: string | undefined
  #lastHead = ''
  readonly #localeOf: ((header: string) => string) | undefined
  readonly #typeOf: ((header: string) => string | undefined) | undefined

  /**
   * @param prefix of all keys of the route, its own among routes
   * @param failed hears of a scope function that throws
   */
  constructor (prefix: string, policy: RoutePolicy<Request>, failed: (error: unknown) => void) {
    this.#failed = failed
    // Of one length for all routes, and short: it is hashed with each key.
    this.#prefix = hash('sha256', prefix + layoutOf(policy), 'base64url').slice(0, 16)
    this.#policy = policy
    const [first, ...others] = policy.locales ?? []
    this.#localeOf = first === undefined ? undefined : localeChooser([first, ...others])
    this.#typeOf = policy.types === undefined ? undefined : typeChooser(policy.types)
  }

  /** Whether requests of one origin, path and variant, and without a query, all have one key. */
  get isOfPath (): boolean {
    const { scope, vary, locales, types } = this.#policy
    return scope === 'public' && vary.length === 0 && locales === undefined && types === undefined
  }

  of (request: CacheRequest<Request>): string | NoKey {
    const { url, headers } = request
    if (url.length > longestUrl) return tooLong
    const { scope, query, vary, locales, types } = this.#policy
    const queryAt = url.indexOf('?')
    let key = this.#headOf(request.origin) + sized(queryAt < 0 ? url : url.slice(0, queryAt))
    if (scope !== 'public') {
      const holder = scope === 'tenant' ?
        request.tenant :
        scope === 'user' ?
        userOf(request) :
        this.#groupOf(scope, request)
      if (typeof holder !== 'string' || holder === '') return noScope
      key += sized(holder)
    }
    const { variant = '' } = request
    if (variant !== '') key += `v${sized(variant)}`
    if (locales !== undefined) key += sized(this.#locale(headers['accept-language'], locales))
    if (types !== undefined) {
      const type = this.#type(headers['accept'], types)
      if (type === undefined) return notAcceptable
      key += sized(type)
    }
    for (const name of vary) key += part(headers[name])
    // The handler gets an empty query then, whatever parses it.
    if (queryAt >= 0)
      key += query === undefined ?
        wholeQuery(request.query) :
        chosenQuery(request.query, query)
    return key.length > longestKey ? tooLong : key
  }

  #groupOf (
    scope: (source: Request) => string | undefined,
    { source }: CacheRequest<Request>
  ): string | undefined {
    try {
      return scope(source)
    } catch (error) {
      this.#failed(error)
      return undefined
    }
  }

  /** Nearly all requests have the same origin. */
  #headOf (origin: string): string {
    if (origin !== this.#lastOrigin) {
      this.#lastOrigin = origin
      this.#lastHead = this.#prefix + sized(origin)
    }
    return this.#lastHead
  }

  #locale (header: CacheRequest['headers'][string], locales: readonly string[]): string {
    return (typeof header === 'string' ? this.#localeOf?.(header) : undefined) ?? locales[0] ?? ''
  }

  #type (header: CacheRequest['headers'][string], types: readonly string[]): string | undefined {
    return typeof header === 'string' ? this.#typeOf?.(header) : types[0]
  }
}

/** Another release may key the same route in another way: its keys mean something else. */
function layoutOf ({ scope, query, vary, locales, types }: RoutePolicy<never>): string {
  return JSON.stringify([typeof scope === 'function' ? 'own' : scope, query, vary, locales, types])
}

/** A user of one tenant is nobody of another. */
function userOf ({ user, tenant }: CacheRequest): string | undefined {
  if (user === undefined || user === '') return undefined
  return tenant === undefined ? `-${user}` : `${sized(tenant)}${user}`
}

function sized (text: string): string {
  return `${text.length}:${text}`
}

function part (value: unknown): string {
  if (typeof value === 'string') return sized(value)
  if (value === undefined) return '-'
  // A list, or what a parser of queries makes of brackets.
  return `j${sized(JSON.stringify(value) ?? '')}`
}

function chosenQuery (query: unknown, names: readonly string[]): string {
  if (!isRecord(query)) return ''
  let key = ''
  let isEmpty = true
  for (const name of names) {
    const value = query[name]
    key += part(value)
    if (value !== undefined) isEmpty = false
  }
  // As without a query.
  return isEmpty ? '' : key
}

function wholeQuery (query: unknown): string {
  if (!isRecord(query)) return ''
  let key = ''
  for (const name of Object.keys(query).toSorted()) key += sized(name) + part(query[name])
  return key
}

function isRecord (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
