import type { Random } from './random.ts'
import { SettingError } from './setting-error.ts'

/** How long to wait between tries. */
export interface BackoffLimits {
  /** The first wait's upper end, in milliseconds; above 0. */
  readonly baseMs: number
  /** No wait is longer than this, in milliseconds; at least `baseMs`. */
  readonly capMs: number
}

/**
 * The wait before the next try: exponential, with full jitter, so that callers that failed together do
 * not return together.
 *
 * @param attempt how many tries have failed so far, from 1
 * @returns milliseconds, uniform in [0, min(capMs, baseMs * 2^(attempt - 1)))
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function fullJitter (attempt: number, { baseMs, capMs }: BackoffLimits, random: Random): number {
  if (!(baseMs > 0 && capMs >= baseMs))
    throw new SettingError('backoff', '0 < baseMs <= capMs', { baseMs, capMs })
  return random() * Math.min(capMs, baseMs * 2 ** (attempt - 1))
}
