import type { Clock } from '../../../kernel/index.ts'
import type { PurgeLimits } from './edge-purger.ts'

/** How many calls this process may make to an edge: a token bucket. */
export class CallBudget {
  readonly #perMs: number
  readonly #burst: number
  readonly #clock: Clock
  #tokens: number
  #atMs: number

  constructor ({ callsPerSecond, burst }: PurgeLimits, clock: Clock) {
    this.#perMs = callsPerSecond / 1_000
    this.#burst = burst
    this.#clock = clock
    this.#tokens = burst
    this.#atMs = clock.now()
  }

  /** Takes the token of one call. */
  take (): void {
    this.#earn()
    this.#tokens -= 1
  }

  /** Until the next call may be made, in milliseconds; 0 for now. */
  waitMs (): number {
    this.#earn()
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs)
  }

  #earn (): void {
    const nowMs = this.#clock.now()
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
  }
}
