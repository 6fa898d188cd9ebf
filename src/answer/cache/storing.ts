import { type CacheControl, readCacheControl } from './cache-control.ts'
import type { MadeResponse } from './cache-request.ts'
import { readHttpDate } from './http-date.ts'
import type { RoutePolicy } from './route-policy.ts'

/** Why an answer was not kept; the label `outcome` of `plimsoll_cache_stores_total`. */
export type Refusal =
  | 'status'
  | 'no-store'
  | 'private'
  /** It would have to be validated at each use, and the route has no `version`. */
  | 'no-cache'
  | 'set-cookie'
  /** `Vary` names a header that is no part of the key. */
  | 'vary'
  /** `Access-Control-Allow-Origin` repeats the caller's origin, and `Vary` does not say so. */
  | 'origin'
  /** It was encoded before it came here, for one client. */
  | 'encoded'
  | 'partial'
  | 'stream'
  | 'too-large'
  | 'not-fresh'
  /** Too many tags, or one that is too long or no text. */
  | 'tags'

/** How long an answer may be used, from when it was made. In milliseconds. */
export interface Lifetime {
  /** How old it was when it came here. */
  readonly ageMs: number
  readonly freshMs: number
  /** Beyond freshness. */
  readonly staleWhileRevalidateMs: number
  /** Beyond freshness. */
  readonly staleIfErrorMs: number
  /** The handler says that it must not be served stale, to a client that takes such either. */
  readonly neverStale: boolean
}

const permanent: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308])
const negative: ReadonlySet<number> = new Set([404, 410])

/**
 * Whether and how long an answer may be kept, by RFC 9111 for a shared cache and by what the route says. Tags
 * and size are for others to judge.
 *
 * @param origin the request's `Origin`
 * @see https://www.rfc-editor.org/rfc/rfc9111#section-3
 */
export function judge (
  response: MadeResponse,
  policy: RoutePolicy<never>,
  origin: string | undefined
): Lifetime | Refusal {
  const { status, headers, body } = response
  const isNegative = negative.has(status)
  if (headers['content-range'] !== undefined || status === 206) return 'partial'
  if (!permanent.has(status) && !(isNegative && policy.negativeMs > 0)) return 'status'
  if (body === null) return 'stream'
  if (headers['set-cookie'] !== undefined) return 'set-cookie'
  const control = readCacheControl(textOf(headers['cache-control']))
  if (control.noStore) return 'no-store'
  if (control.private) return 'private'
  if (control.noCache && policy.version === undefined) return 'no-cache'
  const encoding = textOf(headers['content-encoding'])
  if (encoding !== undefined && encoding !== 'identity') return 'encoded'
  if (!isKeyedBy(textOf(headers['vary']), policy)) return 'vary'
  if (reflects(textOf(headers['access-control-allow-origin']), origin, policy)) return 'origin'
  const lifetime = lifetimeOf(control, response, isNegative ? policy.negativeMs : policy.ttlMs, policy)
  return lifetime.freshMs > 0 || policy.version !== undefined ? lifetime : 'not-fresh'
}

function lifetimeOf (
  control: CacheControl,
  { headers }: MadeResponse,
  policyMs: number,
  policy: RoutePolicy<never>
): Lifetime {
  const ownMs = ownLifetimeMs(control, textOf(headers['expires']), textOf(headers['date']))
  const ageMs = ageOf(textOf(headers['age']))
  const freshMs = control.noCache ? 0 : Math.max(0, Math.min(policyMs, ownMs - ageMs))
  const stale = (allowedMs: number, ownSeconds: number | undefined): number =>
    control.revalidate || control.noCache ?
      0 :
      Math.min(allowedMs, (ownSeconds ?? Number.POSITIVE_INFINITY) * 1_000)
  return {
    ageMs,
    freshMs,
    staleWhileRevalidateMs: stale(policy.staleWhileRevalidateMs, control.staleWhileRevalidate),
    staleIfErrorMs: stale(policy.staleIfErrorMs, control.staleIfError),
    neverStale: control.revalidate || control.noCache,
  }
}

/**
 * What the handler itself allows. `s-maxage` does not forbid stale answers here: the route's policy speaks to
 * this cache, it to others.
 */
function ownLifetimeMs (
  control: CacheControl,
  expires: string | undefined,
  date: string | undefined
): number {
  const seconds = control.sharedMaxAge ?? control.maxAge
  if (seconds !== undefined) return seconds * 1_000
  if (expires === undefined) return Number.POSITIVE_INFINITY
  const expiresMs = readHttpDate(expires)
  const dateMs = readHttpDate(date)
  // Without both dates nobody knows; an unreadable one means the past.
  return expiresMs === undefined || dateMs === undefined ? 0 : Math.max(0, expiresMs - dateMs)
}

function ageOf (age: string | undefined): number {
  return age !== undefined && /^\d{1,9}$/.test(age) ? Number(age) * 1_000 : 0
}

function isKeyedBy (vary: string | undefined, { keyedHeaders }: RoutePolicy<never>): boolean {
  if (vary === undefined) return true
  return vary.split(',').every((name) => {
    const plain = name.trim().toLowerCase()
    return plain === '' || keyedHeaders.has(plain)
  })
}

function reflects (
  allowed: string | undefined,
  origin: string | undefined,
  policy: RoutePolicy<never>
): boolean {
  return allowed !== undefined && allowed !== '*' && allowed === origin && !policy.keyedHeaders.has('origin')
}

/** A header's value as one text. */
export function textOf (value: string | number | readonly string[] | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  return typeof value === 'number' ? String(value) : value.join(', ')
}
