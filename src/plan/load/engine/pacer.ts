import type { Cancel, Clock } from '../../../kernel/index.ts'

/** Timers of Node are whole milliseconds, and up to one late. */
const timerSlackMs = 2

/**
 * Calls `turn` at the times that it asks for. The precise kind waits by timer up to the last two milliseconds,
 * and lets the loop turn without a wait from there on.
 */
export class Pacer {
  readonly #clock: Clock
  readonly #precise: boolean
  /** Made once: a loop that turns without a wait makes no garbage but the immediates. */
  readonly #run: () => void
  #cancel: Cancel | undefined
  #immediate: NodeJS.Immediate | undefined
  #wakeMs = Infinity
  #stopped = false

  constructor (clock: Clock, precise: boolean, turn: () => void) {
    this.#clock = clock
    this.#precise = precise
    this.#run = () => {
      this.#clear()
      turn()
    }
  }

  /** Whether the loop turns without a wait. */
  get spinning (): boolean {
    return this.#immediate !== undefined
  }

  /**
   * Sees to it that `turn` is called by then; a time that was asked for before and comes earlier holds.
   *
   * @param atMs on the clock; `Infinity` asks for nothing
   * @param nowMs what the clock says
   */
  wake (atMs: number, nowMs: number): void {
    if (this.#stopped || atMs >= this.#wakeMs) return
    this.#clear()
    this.#wakeMs = atMs
    const waitMs = atMs - nowMs
    if (waitMs <= 0 || (this.#precise && waitMs <= timerSlackMs)) {
      this.#immediate = setImmediate(this.#run)
      return
    }
    const timerMs = this.#precise ? waitMs - timerSlackMs : waitMs
    // Longer than a timer can be: it wakes in between, finds nothing, and asks again.
    this.#cancel = this.#clock.after(Math.min(2 ** 30, Math.max(1, Math.round(timerMs))), this.#run)
  }

  stop (): void {
    this.#stopped = true
    this.#clear()
  }

  #clear (): void {
    this.#cancel?.()
    if (this.#immediate !== undefined) clearImmediate(this.#immediate)
    this.#cancel = undefined
    this.#immediate = undefined
    this.#wakeMs = Infinity
  }
}
