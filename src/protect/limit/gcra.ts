/**
 * A token bucket kept as one number: the generic cell rate algorithm. The theoretical arrival time (`tatMs`) is
 * when the bucket is full again; in the past, it is full now. All functions are pure, read no clock and allocate
 * nothing; times are milliseconds on one clock of the store's.
 *
 * Over any stretch of t milliseconds at most `burst + t / unitMs` units are admitted. The sums are made in
 * doubles, so a wait is off by their rounding; `slackMs` absorbs it: a client may come that much early.
 *
 * @see https://www.itu.int/rec/T-REC-I.371 annex A, the virtual scheduling algorithm
 */
export interface Gcra {
  /** Milliseconds that earn one unit back; above 0. */
  readonly unitMs: number
  /** Units at once from rest; at least 1. */
  readonly burst: number
}

/** One microsecond: above the rounding of sums of times below 2^42 ms (the epoch's until the year 2109). */
const slackMs = 2 ** -10

/**
 * The arrival time to keep if `cost` units are taken now.
 *
 * @param tatMs what was kept last; anything in the past, such as 0 or `-Infinity`, for a new key. Where the
 *   clock has stepped back it may lie further ahead than an empty bucket's: it counts as empty, no worse.
 */
export function gcraNext (tatMs: number, { unitMs, burst }: Gcra, cost: number, nowMs: number): number {
  return Math.min(Math.max(tatMs, nowMs), nowMs + burst * unitMs) + cost * unitMs
}

/** Milliseconds until `nextMs` may be kept, if nobody else takes; 0 or less: it may be now. */
export function gcraWaitMs (nextMs: number, { unitMs, burst }: Gcra, nowMs: number): number {
  const waitMs = nextMs - nowMs - burst * unitMs
  return waitMs <= slackMs ? 0 : waitMs
}

/** Whole units that could be taken now. */
export function gcraRemaining (tatMs: number, { unitMs, burst }: Gcra, nowMs: number): number {
  const units = burst - (Math.max(tatMs, nowMs) - nowMs) / unitMs
  return Math.max(0, Math.floor(units + slackMs / unitMs))
}

/**
 * The arrival time to keep once a claim is refunded.
 *
 * What the bucket earned since `takenAtMs` is not given on top: had the claim never been made, a full bucket
 * would have earned nothing. So the bound above holds for what was not refunded, whatever came in between.
 */
export function gcraRefund (
  tatMs: number,
  { unitMs }: Gcra,
  { cost, takenAtMs }: { readonly cost: number; readonly takenAtMs: number },
  nowMs: number
): number {
  const earnedMs = Math.max(0, nowMs - takenAtMs)
  return tatMs - Math.max(0, cost * unitMs - earnedMs)
}
