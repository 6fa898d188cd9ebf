/** Statement timeouts that sessions are given, in milliseconds, rising. Few, so that they seldom change. */
const bucketsMs: readonly number[] = [
  50,
  100,
  250,
  500,
  1_000,
  2_500,
  5_000,
  10_000,
  30_000,
  60_000,
  300_000,
]

/** A session's setting may be this many buckets above the tightest before it is lowered. */
const slack = 2

/**
 * The statement timeout that a session should have for a statement with `remainingMs` left.
 *
 * The timeout only has to end what a cancel request did not, because this process died, say: the smallest
 * bucket that is not below `remainingMs` would do, and one up to two buckets above it is left as it is, since
 * changing it costs a message.
 *
 * @param remainingMs infinite for work without a deadline
 * @param currentMs what the session has; infinite for its own default, NaN for unknown
 * @param defaultMs the session's own default, which is never exceeded; infinite for none
 * @returns a bucket, or infinite for the session's own default
 */
export function timeoutFor (remainingMs: number, currentMs: number, defaultMs: number): number {
  if (remainingMs === Number.POSITIVE_INFINITY) return remainingMs
  let index = 0
  while (index < bucketsMs.length && bucketsMs[index]! < remainingMs) index++
  const tightest = bucketsMs[index] ?? Number.POSITIVE_INFINITY
  if (tightest >= defaultMs) return Number.POSITIVE_INFINITY
  const loosest = bucketsMs[Math.min(index + slack, bucketsMs.length - 1)]!
  return currentMs >= tightest && currentMs <= loosest ? currentMs : tightest
}
