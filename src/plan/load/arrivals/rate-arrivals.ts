import type { Random } from '../../../kernel/index.ts'
import type { Spread } from '../plan.ts'
import type { Segment } from './segments.ts'

/**
 * Arrival times of a rate that changes over time.
 *
 * Both kinds come from the expected number of arrivals up to a time, the integral of the rate: even arrivals
 * are where it passes 0, 1, 2 and so on, and a Poisson process is where it passes the sums of exponential
 * numbers of mean 1 (the time-rescaling theorem). So ramps and steps are as exact as a constant rate, and
 * nothing drifts.
 *
 * @see https://en.wikipedia.org/wiki/Poisson_point_process#Inhomogeneous_Poisson_point_process
 */
export class RateArrivals {
  readonly #segments: readonly Segment[]
  readonly #random: Random | undefined
  /** Expected arrivals up to the next one. */
  #passed: number
  #at = 0
  #segmentStartMs = 0
  #segmentPassed = 0

  constructor (segments: readonly Segment[], spread: Spread, random: Random) {
    this.#segments = segments
    this.#random = spread === 'poisson' ? random : undefined
    this.#passed = this.#gap(0)
  }

  /** @returns milliseconds from the start; `Infinity` after the last */
  next (): number {
    for (;;) {
      const segment = this.#segments[this.#at]
      if (segment === undefined) return Infinity
      const { durationMs, fromPerSecond, toPerSecond } = segment
      const expected = (fromPerSecond + toPerSecond) / 2 * durationMs / 1000
      const left = this.#passed - this.#segmentPassed
      // At the very end belongs to what follows: a second of 100/s holds arrivals 0 to 99.
      if (left < expected * (1 - Number.EPSILON * 8)) {
        this.#passed += this.#gap(1)
        return this.#segmentStartMs + timeOf(left, segment)
      }
      this.#segmentPassed += expected
      this.#segmentStartMs += durationMs
      this.#at++
    }
  }

  #gap (even: number): number {
    return this.#random === undefined ? even : -Math.log(1 - this.#random())
  }
}

/** When a segment's expected number of arrivals reaches `count`, in milliseconds from its start. */
function timeOf (count: number, { durationMs, fromPerSecond, toPerSecond }: Segment): number {
  if (count === 0) return 0
  const from = fromPerSecond / 1000
  const slope = (toPerSecond - fromPerSecond) / 1000 / durationMs
  // The root of slope/2 t^2 + from t = count, in the form that holds for a slope of 0 too.
  return 2 * count / (from + Math.sqrt(Math.max(0, from * from + 2 * slope * count)))
}
