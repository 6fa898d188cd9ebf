import type { ResolvedEdgePolicy } from './options.ts'

/** Header values as Node gives them. */
export type HeaderValue = string | number | readonly string[] | undefined

/** What a handler's own `Cache-Control` leaves of its route's policy. */
export type OwnDirectives = 'no-store' | 'personal' | ResolvedEdgePolicy

/**
 * A handler can forbid what the policy allows, or shorten it; never allow or lengthen. What it says in a form that
 * cannot be read counts as said: `private=""` is private, `max-age=x` is 0.
 */
export function withOwnDirectives (policy: ResolvedEdgePolicy, value: HeaderValue): OwnDirectives {
  const said = new Map<string, string | undefined>()
  for (const directive of textOf(value).toLowerCase().split(',')) {
    const [name = '', argument] = directive.trim().split('=', 2)
    said.set(name.trim(), argument?.trim())
  }
  if (said.has('no-store')) return 'no-store'
  if (said.has('private') || said.has('no-cache')) return 'personal'
  const longest = secondsOf(said, 'max-age')
  const longestShared = secondsOf(said, 's-maxage') ?? longest
  const revalidates = said.has('must-revalidate') || said.has('proxy-revalidate')
  const { cdn } = policy
  return {
    ...policy,
    browserSeconds: Math.min(policy.browserSeconds, longest ?? Infinity),
    negativeSeconds: Math.min(policy.negativeSeconds, longestShared ?? Infinity),
    cdn: cdn && {
      ttl: Math.min(cdn.ttl, longestShared ?? Infinity),
      staleWhileRevalidate: revalidates ? 0 : cdn.staleWhileRevalidate,
      staleIfError: revalidates ? 0 : cdn.staleIfError,
    },
  }
}

/** All values of one header. */
export function textOf (value: HeaderValue): string {
  return value === undefined ? '' : String(value)
}

function secondsOf (said: ReadonlyMap<string, string | undefined>, name: string): number | undefined {
  if (!said.has(name)) return undefined
  const digits = /^"?(\d{1,10})"?$/.exec(said.get(name) ?? '')
  return digits === null ? 0 : Number(digits[1])
}
