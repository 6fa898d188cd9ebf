import { type BackoffLimits, fullJitter, type Random } from '../../../kernel/index.ts'

export interface CrashLoopOptions extends BackoffLimits {
  /** Crashes in a row after which there is no further try; 0 for never. */
  readonly giveUpAfter: number
}

/** What to do about a crash. */
export interface CrashDecision {
  /** Crashes since the fleet was last stable, this one included. */
  readonly crashes: number
  /** How long to wait before the next start, in milliseconds. */
  readonly waitMs: number
  readonly giveUp: boolean
}

/** From this many crashes in a row on it is a loop, not an accident. */
export const loopFrom = 3

/**
 * Paces the replacement of workers that die. The first crash is replaced at once, since capacity is
 * missing; from the second in a row on, the wait grows with full jitter.
 *
 * Crashes are in a row when less than `capMs` (at least 1 s) has passed since the last one and its wait:
 * a fleet that held longer than the longest wait has recovered.
 */
export class CrashLoop {
  readonly #random: Random
  #crashes = 0
  #crashedAtMs = Number.NEGATIVE_INFINITY
  #stableAtMs = Number.NEGATIVE_INFINITY

  constructor (random: Random) {
    this.#random = random
  }

  /**
   * @param startedAtMs when the worker that died was started. One that is older than the last crash dies
   *   in its wave (a poisoned request that is tried on each worker, a cache server that went away): it
   *   says nothing about replacements, so it lengthens no wait.
   * @param nowMs on the same monotonic clock
   */
  crashed (
    startedAtMs: number,
    nowMs: number,
    { baseMs, capMs, giveUpAfter }: CrashLoopOptions
  ): CrashDecision {
    if (nowMs >= this.#stableAtMs) this.#crashes = 0
    else if (startedAtMs < this.#crashedAtMs) return { crashes: this.#crashes, waitMs: 0, giveUp: false }
    this.#crashedAtMs = nowMs
    this.#crashes++
    const waitMs = this.#crashes === 1 ? 0 : fullJitter(this.#crashes - 1, { baseMs, capMs }, this.#random)
    this.#stableAtMs = nowMs + waitMs + Math.max(capMs, 1_000)
    return {
      crashes: this.#crashes,
      waitMs,
      giveUp: giveUpAfter > 0 && this.#crashes >= giveUpAfter,
    }
  }
}
