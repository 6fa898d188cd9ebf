import type { Cancel, Clock } from '../../kernel/index.ts'

/** Something with an end that is due. The links are the wheel's own; an entry is on one wheel at most. */
export interface WheelEntry {
  /** On the clock's `now()`, in milliseconds; finite. */
  readonly deadlineAtMs: number
  /** Called once, on the first tick after `deadlineAtMs`, unless it was removed before. */
  expire(): void
  wheelNext: WheelEntry | undefined
  wheelPrevious: WheelEntry | undefined
  /** The slot that it hangs on; starts as {@link noSlot}. */
  wheelSlot: number
}

/** An entry expires at most this much late, in milliseconds, besides what the event loop is late. */
export const tickMs = 8

const slots = 1024

/** The slot of an entry that is on no wheel. */
export const noSlot: number = -1
/** The slot of one that has come off, and whose turn to expire is about to come. */
const dueSlot = -2

/**
 * The deadlines of all running requests on one timer: putting one on and taking it off is a few writes,
 * where a timer each would cost as much as the rest of the request's path. A hashed timing wheel; a deadline
 * beyond its round (8 s) is passed over until its own comes. The timer runs while there are entries.
 *
 * @see https://dl.acm.org/doi/10.1145/41457.37504 Varghese and Lauck, scheme 6
 */
export class DeadlineWheel {
  readonly #clock: Clock
  readonly #slots: (WheelEntry | undefined)[] = Array.from({ length: slots }, () => undefined)
  #size = 0
  #tick = 0
  #cancel: Cancel | undefined

  constructor (clock: Clock) {
    this.#clock = clock
  }

  get size (): number {
    return this.#size
  }

  add (entry: WheelEntry): void {
    if (this.#cancel === undefined) this.#start()
    // Never a slot that this round has passed: it would wait for the next one.
    const tick = Math.max(Math.ceil(entry.deadlineAtMs / tickMs), this.#tick + 1)
    const slot = tick % slots
    const first = this.#slots[slot]
    entry.wheelSlot = slot
    entry.wheelPrevious = undefined
    entry.wheelNext = first
    if (first !== undefined) first.wheelPrevious = entry
    this.#slots[slot] = entry
    this.#size++
  }

  /** Takes it off; one that is not on it is left alone. */
  remove (entry: WheelEntry): void {
    const { wheelSlot, wheelNext, wheelPrevious } = entry
    entry.wheelSlot = noSlot
    if (wheelSlot < 0) return
    if (wheelPrevious === undefined) this.#slots[wheelSlot] = wheelNext
    else wheelPrevious.wheelNext = wheelNext
    if (wheelNext !== undefined) wheelNext.wheelPrevious = wheelPrevious
    entry.wheelNext = entry.wheelPrevious = undefined
    this.#size--
  }

  #start (): void {
    this.#tick = Math.floor(this.#clock.now() / tickMs)
    this.#cancel = this.#clock.every(tickMs, () => this.#turn())
  }

  #turn (): void {
    const nowMs = this.#clock.now()
    const tick = Math.floor(nowMs / tickMs)
    // A loop that was late for more than a round has passed every slot once.
    const first = Math.max(this.#tick + 1, tick - slots + 1)
    this.#tick = tick
    for (let at = first; at <= tick; at++) this.#expire(at % slots, nowMs)
    if (this.#size > 0) return
    this.#cancel?.()
    this.#cancel = undefined
  }

  #expire (slot: number, nowMs: number): void {
    // First all that are due come off: what an entry does when it expires may take others off, or put new ones on.
    let due: WheelEntry[] | undefined
    for (let entry = this.#slots[slot]; entry !== undefined;) {
      const next = entry.wheelNext
      if (entry.deadlineAtMs <= nowMs) {
        this.remove(entry)
        entry.wheelSlot = dueSlot
        if (due === undefined) due = [entry]
        else due.push(entry)
      }
      entry = next
    }
    for (const entry of due ?? []) {
      if (entry.wheelSlot !== dueSlot) continue
      entry.wheelSlot = noSlot
      entry.expire()
    }
  }
}
