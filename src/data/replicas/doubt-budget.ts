import type { Clock } from '../../kernel/index.ts'

/** A bucket of so many units a second, and as many at once. */
export class DoubtBudget {
  readonly #clock: Clock
  readonly #perSecond: number
  #left: number
  #atMs: number

  constructor (clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#left = perSecond
    this.#atMs = clock.now()
  }

  take (): boolean {
    const nowMs = this.#clock.now()
    const earned = Math.max(0, nowMs - this.#atMs) / 1_000 * this.#perSecond
    this.#left = Math.min(this.#perSecond, this.#left + earned)
    this.#atMs = nowMs
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
