import type { Calendar } from './calendar.ts'

/** What happens to a rule's requests while the shared store cannot be reached. */
export type WhenStoreFails = 'share' | 'open' | 'closed'

interface LimitBase {
  /** Names the counters in every process and store, together with the key; e.g. `GET /orders perSecond-client`. */
  readonly id: string
  /** A whole number from 0, unique in this process: the short name of `id` where hashing it would cost. */
  readonly ordinal: number
  /** Decided and counted like any other, but it refuses nobody. */
  readonly shadow: boolean
  readonly whenStoreFails: WhenStoreFails
}

/** A rate with a burst: a token bucket, kept as one theoretical arrival time (GCRA). See gcra.ts. */
export interface RateLimit extends LimitBase {
  readonly kind: 'rate'
  /** Milliseconds that earn one unit back; above 0. */
  readonly unitMs: number
  /** Units at once from rest; at least 1. */
  readonly burst: number
}

/** Requests in any stretch of `windowMs`, estimated from two counters. See sliding-window.ts. */
export interface SlidingLimit extends LimitBase {
  readonly kind: 'sliding'
  readonly windowMs: number
  readonly requests: number
}

/** Requests a calendar period in a time zone. See calendar.ts. */
export interface QuotaLimit extends LimitBase {
  readonly kind: 'quota'
  readonly requests: number
  readonly calendar: Calendar
}

/** Requests in flight at once. */
export interface ConcurrencyLimit extends LimitBase {
  readonly kind: 'concurrency'
  readonly inFlight: number
}

/** One limit as a store sees it: numbers, no names of routes or people. */
export type Limit = RateLimit | SlidingLimit | QuotaLimit | ConcurrencyLimit
export type LimitKind = Limit['kind']

/** The most units that one key can ever take at once; a claim's cost is never above it. */
export function capacityOf (limit: Limit): number {
  switch (limit.kind) {
    case 'rate':
      return limit.burst
    case 'concurrency':
      return limit.inFlight
    default:
      return limit.requests
  }
}
