import { type BackoffLimits, fullJitter, type Random } from '../../../kernel/index.ts'

export interface CrashLoopOptions extends BackoffLimits {
  /** Crashes in a row after which there is no further try; 0 for never. */
  readonly giveUpAfter: number
}

/** The life of a worker that has crashed; all times on one monotonic clock, in milliseconds. */
export interface Crash {
  readonly startedAtMs: number
  /** Missing for one that never became ready. */
  readonly readyAtMs?: number | undefined
  readonly nowMs: number
}

/** What to do about a crash. */
export interface CrashDecision {
  /** Crashes in a row, this one included. */
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
 * A worker that had been ready for `capMs` (at least 1 s) ends the row: its crash is the first of a new one.
 * A worker that is older than the last crash and dies shortly after it dies in the same wave (a poisoned
 * request that is tried on each worker, a dependency that went away): it says nothing about replacements,
 * so it lengthens no wait.
 */
export class CrashLoop {
  readonly #random: Random
  #crashes = 0
  #crashedAtMs = Number.NEGATIVE_INFINITY
  #waveEndsAtMs = Number.NEGATIVE_INFINITY

  constructor (random: Random) {
    this.#random = random
  }

  crashed ({ startedAtMs, readyAtMs, nowMs }: Crash, options: CrashLoopOptions): CrashDecision {
    const { capMs, giveUpAfter } = options
    const stableMs = Math.max(capMs, 1_000)
    if (startedAtMs < this.#crashedAtMs && nowMs < this.#waveEndsAtMs) {
      return { crashes: this.#crashes, waitMs: 0, giveUp: false }
    }
    const hadHeld = readyAtMs !== undefined && nowMs - readyAtMs >= stableMs
    this.#crashes = hadHeld ? 1 : this.#crashes + 1
    const waitMs = this.#crashes === 1 ? 0 : fullJitter(this.#crashes - 1, options, this.#random)
    this.#crashedAtMs = nowMs
    this.#waveEndsAtMs = nowMs + waitMs + stableMs
    return { crashes: this.#crashes, waitMs, giveUp: giveUpAfter > 0 && this.#crashes >= giveUpAfter }
  }
}
