import type { Delivery } from '../consumers/index.ts'

/** Messages that a broker has pushed and nobody has pulled yet. */
export class Inbound {
  #waiting: Delivery[] = []
  #failure: Error | undefined
  #changed: PromiseWithResolvers<void> = Promise.withResolvers()

  push (delivery: Delivery): void {
    this.#waiting.push(delivery)
    this.#changed.resolve()
  }

  /** Drops what waits: it comes again. The pull under way and further ones reject with the reason; the first one counts. */
  fail (reason: Error): void {
    this.#failure ??= reason
    this.#waiting = []
    this.#changed.resolve()
  }

  get failed (): boolean {
    return this.#failure !== undefined
  }

  /** Up to `limit` messages; waits until there is one, or the signal aborts. */
  async pull (limit: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const stop = Promise.withResolvers<void>()
    const abort = (): void => stop.resolve()
    signal.addEventListener('abort', abort, { once: true })
    try {
      while (!signal.aborted) {
        if (this.#failure !== undefined) throw this.#failure
        if (this.#waiting.length > 0) return this.#waiting.splice(0, limit)
        this.#changed = Promise.withResolvers()
        await Promise.race([this.#changed.promise, stop.promise])
      }
      return []
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}
