import { type Cancel, type Clock, fullJitter, type Random } from '../../../kernel/index.ts'

/** Between questions that found nothing, in milliseconds: from the first up to the longest. */
const idle = { firstMs: 10, longestMs: 1_000 }
/** After questions that failed. */
const backoff = { baseMs: 100, capMs: 5_000 }

/**
 * When to ask for jobs: at once while something may be due, then less and less often, down to about once a second. Spread,
 * so that workers do not ask all at once.
 */
export class ClaimPace {
  readonly #clock: Clock
  readonly #random: Random
  /** Something may be due that no claim has looked at. */
  #mayHaveMore = true
  #isFlowing = false
  #empty = 0
  #failures = 0
  /** No claim before, on the clock's `now()`. */
  #notBeforeMs = 0
  #cancel: Cancel | undefined

  constructor (clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  get isDue (): boolean {
    return this.#mayHaveMore && this.#clock.now() >= this.#notBeforeMs
  }

  /** Something may have become due. */
  call (): void {
    this.#mayHaveMore = true
  }

  /** The last answer was as much as was asked for, so that there may be more while the next claim is under way. */
  get isFlowing (): boolean {
    return this.#isFlowing
  }

  /** A claim begins, and sees what is due by now. */
  begin (): void {
    this.#mayHaveMore = false
    this.stop()
  }

  /** @param isFull whether it found as many as it asked for, so that there may be more */
  found (isFull: boolean): void {
    this.#failures = 0
    this.#empty = 0
    this.#isFlowing = isFull
    if (isFull) this.#mayHaveMore = true
  }

  foundNothing (): void {
    this.#failures = 0
    this.#isFlowing = false
    this.#empty++
  }

  /** @returns whether it is the first failure in a row */
  failed (): boolean {
    this.#mayHaveMore = true
    this.#isFlowing = false
    this.#failures++
    this.#notBeforeMs = this.#clock.now() + fullJitter(this.#failures, backoff, this.#random)
    return this.#failures === 1
  }

  /** Calls `ask` when it is time to look again, unless a claim begins before. */
  wait (ask: () => void): void {
    this.#cancel ??= this.#clock.after(this.#waitMs(), () => {
      this.#cancel = undefined
      this.#mayHaveMore = true
      ask()
    })
  }

  stop (): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #waitMs (): number {
    if (this.#failures > 0) return Math.max(0, this.#notBeforeMs - this.#clock.now())
    return Math.min(idle.longestMs, idle.firstMs * 2 ** this.#empty) * (0.75 + this.#random() / 2)
  }
}
