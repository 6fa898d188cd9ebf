import type { Random } from '../../kernel/index.ts'

/**
 * How long the refused should stay away: as many seconds as there are requests for each that is let in, because
 * then about as many come back in each second as can be served; and a different time for each, so that a crowd
 * that was refused together does not come back together.
 */
export class RetryAfter {
  readonly #random: Random
  #offered = 0
  #refused = 0
  #sinceMs = 0

  constructor (random: Random) {
    this.#random = random
  }

  /** Counts units that arrived and that were refused; what is a second old counts half. */
  note (offered: number, refused: number, nowMs: number): void {
    if (nowMs - this.#sinceMs > 1_000) {
      const fade = 2 ** -Math.min(60, (nowMs - this.#sinceMs) / 1_000)
      this.#offered *= fade
      this.#refused *= fade
      this.#sinceMs = nowMs
    }
    this.#offered += offered
    this.#refused += refused
  }

  /** Seconds with fractions, above 0. */
  seconds (): number {
    const admitted = Math.max(1, this.#offered - this.#refused)
    return Math.max(1, this.#offered / admitted) * (0.5 + this.#random())
  }
}
