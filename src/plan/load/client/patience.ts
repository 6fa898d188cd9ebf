import type { Exchange } from './exchange.ts'

/**
 * Exchanges with one patience, in the order in which they were begun. That is nearly the order in which they run
 * out of it, so that neither a timer for each nor a sorted queue is needed: one that was begun late, behind
 * others, runs out with them, later by as much.
 */
export class PatienceLine {
  readonly patienceMs: number
  #first: Exchange | undefined
  #last: Exchange | undefined

  constructor (patienceMs: number) {
    this.patienceMs = patienceMs
  }

  /** When the first runs out; `Infinity` without any. */
  get nextMs (): number {
    return this.#first === undefined ? Infinity : this.#first.intendedMs + this.patienceMs
  }

  add (exchange: Exchange): void {
    exchange.earlier = this.#last
    if (this.#last === undefined) this.#first = exchange
    else this.#last.later = exchange
    this.#last = exchange
  }

  remove (exchange: Exchange): void {
    const { earlier, later } = exchange
    if (earlier === undefined) this.#first = later
    else earlier.later = later
    if (later === undefined) this.#last = earlier
    else later.earlier = earlier
    exchange.earlier = undefined
    exchange.later = undefined
  }

  /** @returns the first, if its patience has ended */
  expired (nowMs: number): Exchange | undefined {
    return this.nextMs <= nowMs ? this.#first : undefined
  }

  get first (): Exchange | undefined {
    return this.#first
  }
}
