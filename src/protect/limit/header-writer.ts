import type { CalendarUnit } from './calendar.ts'
import { capacityOf, type Limit } from './limit.ts'

/**
 * What tells clients their limits. The IETF draft still moves (its next version may rename every parameter), so
 * one place writes it, by version; all that can be known at boot is written at boot.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/11/
 */
export const headerVersions = ['draft-11', 'none'] as const
export type HeaderVersion = (typeof headerVersions)[number]

export const policyHeader = 'ratelimit-policy'
export const limitHeader = 'ratelimit'
export const retryAfterHeader = 'retry-after'

const quotaWindowSeconds: Readonly<Record<CalendarUnit, number>> = { day: 86_400, month: 31 * 86_400 }

/** One item of `RateLimit-Policy`: the quota, and the seconds in which all of it comes back, rounded up. */
export function policyItem (name: string, limit: Limit): string {
  const quota = `"${name}";q=${Math.floor(capacityOf(limit))}`
  if (limit.kind === 'concurrency') return `${quota};qu="concurrent-requests"`
  return `${quota};w=${windowSeconds(limit)}`
}

/** The seconds in which a limit gives all its units back, rounded up; 0 for one that no clock gives back. */
export function windowSeconds (limit: Limit): number {
  switch (limit.kind) {
    case 'rate':
      return wholeSeconds(limit.burst * limit.unitMs)
    case 'sliding':
      return wholeSeconds(limit.windowMs)
    case 'quota':
      return quotaWindowSeconds[limit.calendar.unit]
    case 'concurrency':
      return 0
  }
}

/** The part of a `RateLimit` item that does not change. */
export function limitItemPrefix (name: string): string {
  return `"${name}";r=`
}

/** One item of `RateLimit`. @param seconds whole; 0 leaves the window out */
export function limitItem (prefix: string, remaining: number, seconds: number): string {
  return seconds > 0 ? `${prefix}${remaining};t=${seconds}` : prefix + String(remaining)
}

/** Whole seconds, rounded up, at least 1: a client that is told 0 would be back at once. */
export function wholeSeconds (ms: number): number {
  // Less than a microsecond above a whole second is the rounding of a product, not time.
  return Math.max(1, Math.ceil((ms - 0.001) / 1000))
}
