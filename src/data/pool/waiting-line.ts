import type { Cancel, Clock } from '../../kernel/index.ts'

/** What can stand in a line. */
export interface Waiter {
  /** When it began to wait, in milliseconds on the clock. */
  readonly sinceMs: number
}

export interface WaitingLineOptions<Member> {
  readonly clock: Clock
  /** The longest wait, in milliseconds. */
  readonly waitMs: number
  /** Its wait is over; it stands in the line no more. */
  readonly expire: (member: Member) => void
}

/**
 * First come, first served. One timer serves the whole line, since all of it waits equally long: it is set for
 * whoever came first.
 */
export class WaitingLine<Member extends Waiter> {
  readonly #options: WaitingLineOptions<Member>
  readonly #members: Set<Member> = new Set()
  #cancelTimer: Cancel | undefined

  constructor (options: WaitingLineOptions<Member>) {
    this.#options = options
  }

  get size (): number {
    return this.#members.size
  }

  get first (): Member | undefined {
    const [first] = this.#members
    return first
  }

  join (member: Member): void {
    this.#members.add(member)
    if (this.#cancelTimer === undefined) this.#setTimer(member)
  }

  leave (member: Member): void {
    this.#members.delete(member)
    if (this.#members.size > 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #setTimer ({ sinceMs }: Waiter): void {
    const { clock, waitMs } = this.#options
    // A timer counts whole milliseconds, and may be a fraction of one early.
    const leftMs = Math.max(1, Math.ceil(sinceMs + waitMs - clock.now()))
    this.#cancelTimer = clock.after(leftMs, this.#expire)
  }

  #expire = (): void => {
    this.#cancelTimer = undefined
    const { clock, waitMs, expire } = this.#options
    const nowMs = clock.now()
    for (const member of this.#members) {
      if (nowMs - member.sinceMs < waitMs) break
      this.#members.delete(member)
      expire(member)
    }
    const { first } = this
    if (first !== undefined && this.#cancelTimer === undefined) this.#setTimer(first)
  }
}
