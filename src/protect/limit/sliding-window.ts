/**
 * A sliding window estimated from two counters: requests of the current window, and those of the previous one
 * weighted by how much of it the sliding window still covers. Windows start at multiples of `windowMs` on the
 * store's clock. All functions are pure, read no clock and allocate nothing.
 *
 * The error: the estimate takes the previous window's requests as evenly spread. Within a window proper never
 * more than `requests` are admitted. Over a stretch of `windowMs` that crosses into the next window, at the share
 * f of it, at most `requests * (1 + f)` are: that is when all of the previous window's requests came at its very
 * end, and the new ones are then admitted one by one as the weight falls, never as a second burst. When they came
 * at its very start instead, up to `requests * (1 - f)` too few are admitted.
 *
 * @see https://blog.cloudflare.com/counting-things-a-lot-of-different-things/ where it was first described
 */
export interface SlidingWindow {
  readonly windowMs: number
  /** At least 1. */
  readonly requests: number
}

/** One microsecond, for the rounding of sums of times: a client may come that much early. */
const slackMs = 2 ** -10

export function windowIndex ({ windowMs }: SlidingWindow, nowMs: number): number {
  return Math.floor(nowMs / windowMs)
}

/** The share of the current window that has passed, in [0, 1]. */
function shareAt ({ windowMs }: SlidingWindow, index: number, nowMs: number): number {
  return Math.min(1, Math.max(0, (nowMs + slackMs - index * windowMs) / windowMs))
}

/** Units that the sliding window holds now, as estimated. */
export function slidingEstimate (
  window: SlidingWindow,
  index: number,
  current: number,
  previous: number,
  nowMs: number
): number {
  return current + previous * (1 - shareAt(window, index, nowMs))
}

/** Milliseconds until `cost` units fit, if nobody else takes; 0: they fit now. */
export function slidingWaitMs (
  window: SlidingWindow,
  index: number,
  current: number,
  previous: number,
  cost: number,
  nowMs: number
): number {
  const { requests, windowMs } = window
  const room = requests - cost
  const share = shareAt(window, index, nowMs)
  if (current + previous * (1 - share) <= room) return 0
  // In this window the previous one fades; in the next, this one does.
  const fitsAt = current <= room ?
    index + 1 - (room - current) / previous :
    index + 2 - room / current
  return Math.max(0, fitsAt * windowMs - nowMs)
}

/** Milliseconds until all units are back, if nobody takes. */
export function slidingResetMs (
  { windowMs }: SlidingWindow,
  index: number,
  current: number,
  previous: number,
  nowMs: number
): number {
  if (current > 0) return Math.max(0, (index + 2) * windowMs - nowMs)
  return previous > 0 ? Math.max(0, (index + 1) * windowMs - nowMs) : 0
}

/** Whole units that fit now. */
export function slidingRemaining ({ requests }: SlidingWindow, estimate: number): number {
  return Math.max(0, Math.floor(requests - estimate))
}
