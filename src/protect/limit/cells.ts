import { gcraRemaining } from './gcra.ts'
import type { QuotaLimit, RateLimit, SlidingLimit } from './limit.ts'
import { slidingEstimate, slidingRemaining, slidingResetMs, windowIndex } from './sliding-window.ts'
import type { Claim } from './store.ts'

/** Where numbers of a key stand: an entry of the table, or a cell that keys without an entry share. */
export interface Cells {
  readonly expiresAtMs: Float64Array
  readonly a: Float64Array
  readonly b: Float64Array
}

/** The time to live of an entry without state. */
export const never: number = Number.NEGATIVE_INFINITY

export function settleRate (
  claim: Claim,
  cells: Cells,
  index: number,
  limit: RateLimit,
  tatMs: number,
  nowMs: number
): void {
  cells.expiresAtMs[index] = tatMs
  claim.remaining = gcraRemaining(tatMs, limit, nowMs)
  claim.resetMs = tatMs > nowMs ? Math.ceil(tatMs - nowMs) : 0
}

export function settleSliding (
  claim: Claim,
  cells: Cells,
  index: number,
  limit: SlidingLimit,
  expiresAtMs: number,
  nowMs: number
): void {
  const window = expiresAtMs / limit.windowMs - 2
  const [current, previous] = [cells.a[index] as number, cells.b[index] as number]
  cells.expiresAtMs[index] = current > 0 || previous > 0 ? expiresAtMs : never
  claim.remaining = slidingRemaining(limit, slidingEstimate(limit, window, current, previous, nowMs))
  claim.resetMs = Math.ceil(slidingResetMs(limit, window, current, previous, nowMs))
}

/** Makes the entry's counters those of the current window; of a later one where the clock has stepped back. */
export function roll (
  { a, b }: Cells,
  index: number,
  limit: SlidingLimit,
  expiresAtMs: number,
  nowMs: number
): number {
  const counted = expiresAtMs / limit.windowMs - 2
  const window = Math.max(counted, windowIndex(limit, nowMs))
  if (window === counted) return window
  b[index] = window === counted + 1 ? a[index] as number : 0
  a[index] = 0
  return window
}

/** Makes the entry's count that of the current period; of a later one where the clock has stepped back. */
export function turn ({ a, b }: Cells, index: number, { calendar }: QuotaLimit, epochMs: number): void {
  const period = calendar.periodAt(epochMs).index
  if (period <= (b[index] as number)) return
  a[index] = 0
  b[index] = period
}

export function hold ({ expiresAtMs, a }: Cells, index: number, count: number): void {
  a[index] = count
  expiresAtMs[index] = count > 0 ? Number.POSITIVE_INFINITY : never
}
