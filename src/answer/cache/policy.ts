import type { Duration } from '../../kernel/index.ts'

/**
 * Whom an answer may be given to: everybody, the tenant or the user for whom it was made, or those for whom
 * the function names the same group. A request for which nobody can be named passes the cache by.
 */
export type CacheScope<Request> = 'public' | 'tenant' | 'user' | ((request: Request) => string | undefined)

/**
 * What a route says of how its answers may be kept: `config.cache`.
 *
 * The handler's own `Cache-Control` can forbid what is allowed here, or shorten it; it cannot allow or
 * lengthen.
 *
 * @typeParam Request what the policy's functions get: Fastify's request, in a service
 */
export interface CachePolicy<Request = unknown> {
  /** How long an answer is fresh; above 0, at most a year. No default: only you can know it. */
  readonly ttl: Duration
  /** How long after that it is still served while it is made anew in the background. @default 0 */
  readonly staleWhileRevalidate?: Duration
  /**
   * How long after that it is served when it cannot be made anew: the route fails or is refused.
   *
   * @default 0
   */
  readonly staleIfError?: Duration
  /** No default: a wrong one is a leak. */
  readonly scope: CacheScope<Request>
  /**
   * What requests with `Authorization` or `Cookie` get in the scope `'public'`. `'bypass'`: neither served
   * nor stored. `'ignore'`: what everybody gets, because you know that the answer does not depend on them.
   *
   * @default 'bypass'
   */
  readonly credentials?: 'bypass' | 'ignore'
  /**
   * What an answer is purged by: names, in which `{id}` stands for a parameter of the path, or what the
   * function names.
   *
   * @default none
   */
  readonly tags?: readonly string[] | ((request: Request) => readonly string[])
  /**
   * Parts of the query that the answer depends on; all others are left out of the key. `[]` for none.
   *
   * @default those of the route's schema; all, where it has none
   */
  readonly query?: readonly string[]
  /**
   * Request headers that the answer depends on, each as it is. Never `authorization` or `cookie`: that is
   * what scopes are for.
   */
  readonly vary?: readonly string[]
  /**
   * Languages that the route can answer in, the preferred one first; one of them is chosen by
   * `Accept-Language`.
   */
  readonly locales?: readonly string[]
  /** Media types that the route can answer in, the preferred one first; one of them is chosen by `Accept`. */
  readonly types?: readonly string[]
  /** How long a 404 or 410 is kept. @default 0: not at all */
  readonly negative?: Duration
  /**
   * Tells cheaply which version of the answer is current: a row's version, say. While it is the one for which
   * an answer was made, that answer is fresh again, without the handler.
   */
  readonly version?: (request: Request) => string | number | Promise<string | number>
  /** When to ask for the version: once the answer is stale, or for every request. @default 'when-stale' */
  readonly checkVersion?: 'when-stale' | 'always'
  /**
   * Encodings in which answers are kept beside the plain one, of those that can be made; `[]` for none.
   *
   * @default all
   */
  readonly encodings?: readonly string[]
  /**
   * Whether clients can ask for a fresher answer, by their `Cache-Control`. By default they cannot, as with a
   * CDN: who could would be able to send every request to the database.
   *
   * @default 'ignore'
   */
  readonly clientDirectives?: 'ignore' | 'honour'
  /**
   * What memory is good for while purges of other processes may have been missed: it is served as it is, or
   * taken for stale so that each answer is made anew.
   *
   * @default 'serve'
   */
  readonly whenUnreachable?: 'serve' | 'revalidate'
}
