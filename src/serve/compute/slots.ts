/**
 * A bounded number of places, and a bounded line of those who wait for one; first come, first served.
 *
 * We keep our own line before piscina's, because piscina's starts a task whose time has passed, and has
 * lost tasks that followed an aborted one.
 *
 * @see https://github.com/piscinajs/piscina/issues/805
 */
export class Slots {
  readonly #places: number
  readonly #line: number
  /** In the order of their coming; a Set, so that one who gives up leaves at no cost. */
  readonly #waiters = new Set<PromiseWithResolvers<void>>()
  #taken = 0
  #onIdle: (() => void) | undefined

  /**
   * @param places how many may be taken at once; at least 1
   * @param line how many may wait; at least 0
   */
  constructor (places: number, line: number) {
    this.#places = places
    this.#line = line
  }

  get taken (): number {
    return this.#taken
  }

  get waiting (): number {
    return this.#waiters.size
  }

  get full (): boolean {
    return this.#taken >= this.#places && this.#waiters.size >= this.#line
  }

  /**
   * Resolves with a place, to be given back by {@link release}; the caller has seen that it is not `full`.
   * Rejects with the signal's reason when that aborts first: then no place was taken.
   */
  async take (signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#taken < this.#places) {
      this.#taken += 1
      return
    }
    const waiter = Promise.withResolvers<void>()
    const leave = (): void => {
      this.#waiters.delete(waiter)
      waiter.reject(signal.reason)
    }
    this.#waiters.add(waiter)
    signal.addEventListener('abort', leave, { once: true })
    try {
      await waiter.promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  /** Hands the place to the first in line, or frees it. */
  release (): void {
    const [first] = this.#waiters
    if (first !== undefined) {
      this.#waiters.delete(first)
      first.resolve()
      return
    }
    this.#taken -= 1
    if (this.#taken === 0) this.#onIdle?.()
  }

  /** Sends away all who wait, with `error`. */
  dismiss (error: Error): void {
    for (const waiter of this.#waiters) waiter.reject(error)
    this.#waiters.clear()
  }

  /** Resolves once no place is taken. */
  idle (): Promise<void> {
    return this.#taken === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle = resolve)
  }
}
