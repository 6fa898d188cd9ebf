import type { CdnSeconds, ResolvedEdgePolicy } from './options.ts'

/** Directives for whoever may keep a response. */
export interface Directives {
  /** `Cache-Control`: browsers, and whatever knows nothing better. */
  readonly browser: string
  /** `CDN-Cache-Control` and `Surrogate-Control`: CDNs alone. */
  readonly cdn: string
}

export const keptByNobody: Directives = { browser: 'no-store', cdn: 'no-store' }

/** A response that depends on its caller, whatever the route says: browsers may keep it, but ask each time. */
export const keptByCaller: Directives = { browser: 'private, no-cache', cdn: 'no-store' }

/**
 * The directives of a success.
 *
 * `s-maxage` is never written: by RFC 9111 (5.2.2.10) it implies `proxy-revalidate`, which forbids to serve anything
 * stale. What CDNs may do is in fields of their own, which only they read.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9213 targeted cache control; a structured dictionary
 */
export function directivesOf (policy: ResolvedEdgePolicy): Directives {
  return { browser: browserDirectives(policy, policy.browserSeconds), cdn: cdnDirectives(policy.cdn) }
}

/** The directives of 404 and 410: browsers ask each time, since what is missing now may come. */
export function negativeDirectives (policy: ResolvedEdgePolicy): Directives {
  const { cdn, negativeSeconds } = policy
  if (negativeSeconds === 0) return keptByNobody
  return {
    browser: browserDirectives(policy, 0),
    cdn: cdnDirectives(cdn && { ttl: negativeSeconds, staleWhileRevalidate: 0, staleIfError: 0 }),
  }
}

function browserDirectives ({ isPublic, immutable }: ResolvedEdgePolicy, seconds: number): string {
  const who = isPublic ? 'public' : 'private'
  // A cache in between that reads only this field keeps what is public, and asks each time as well.
  if (seconds === 0) return `${who}, no-cache`
  return `${who}, max-age=${seconds}${immutable ? ', immutable' : ''}`
}

function cdnDirectives (cdn: CdnSeconds | undefined): string {
  if (cdn === undefined) return 'no-store'
  const { ttl, staleWhileRevalidate, staleIfError } = cdn
  const directives = [`max-age=${ttl}`]
  if (staleWhileRevalidate > 0) directives.push(`stale-while-revalidate=${staleWhileRevalidate}`)
  if (staleIfError > 0) directives.push(`stale-if-error=${staleIfError}`)
  return directives.join(', ')
}
