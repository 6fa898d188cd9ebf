import type { Clock } from '../../../kernel/index.ts'
import type { FleetCounts } from './fleet-counts.ts'
import type { CacheOutage } from './options.ts'

export interface LinkOptions {
  /** The store's name, e.g. `redis`. */
  readonly store: string
  readonly clock: Clock
  readonly timeoutMs: number
  /** Whether a call has a chance; it costs nothing to ask. */
  readonly reachable: () => boolean
  readonly counts: FleetCounts
  readonly onOutage: (outage: CacheOutage) => void
  /** Hears of each outage first: it is to probe until the store is back. */
  readonly onDown: () => void
}

/**
 * The way to the store. A call that fails or is late is an outage: from then on calls fail at once, until a probe
 * succeeds. So of a crowd only those under way wait for a store that is gone.
 */
export class Link {
  readonly #options: LinkOptions
  #downSinceMs: number | undefined

  constructor (options: LinkOptions) {
    this.#options = options
  }

  get up (): boolean {
    return this.#downSinceMs === undefined
  }

  /**
   * @param timeoutMs how long to wait
   * @throws what the call threw, or that the store is gone or late
   */
  async ask<T> (call: () => Promise<T>, timeoutMs: number = this.#options.timeoutMs): Promise<T> {
    const { store, counts, reachable } = this.#options
    if (!this.up) {
      counts.failures.add()
      throw new Error(`${store} is gone`)
    }
    if (!reachable()) throw this.#lose(new Error(`the connection to ${store} is lost`))
    try {
      return await this.#within(timeoutMs, call())
    } catch (error) {
      throw this.#lose(error)
    }
  }

  /**
   * A call that is made in an outage, too, and ends it. Being late makes the outage, and the answer counts all the same.
   *
   * @param giveUpMs when to stop waiting for the answer
   */
  async probe<T> (call: () => Promise<T>, giveUpMs: number): Promise<T> {
    const { clock, store, timeoutMs, reachable, onOutage } = this.#options
    if (!reachable()) throw this.#lose(new Error(`the connection to ${store} is lost`))
    const cancel = clock.after(timeoutMs, () => this.#lose(late(store, timeoutMs)))
    try {
      const answer = await this.#within(giveUpMs, call())
      if (this.#downSinceMs !== undefined) {
        const downMs = clock.now() - this.#downSinceMs
        this.#downSinceMs = undefined
        onOutage({ state: 'back', store, downMs })
      }
      return answer
    } catch (error) {
      throw this.#lose(error)
    } finally {
      cancel()
    }
  }

  #lose (cause: unknown): Error {
    const { store, counts, clock, onOutage, onDown } = this.#options
    const error = cause instanceof Error ? cause : new Error(String(cause))
    counts.failures.add()
    if (this.#downSinceMs !== undefined) return error
    this.#downSinceMs = clock.now()
    counts.outages.add()
    onDown()
    onOutage({ state: 'gone', store, error })
    return error
  }

  #within<T> (ms: number, call: Promise<T>): Promise<T> {
    const { clock, store } = this.#options
    return new Promise((resolve, reject) => {
      let cancel = clock.after(ms, () => {
        // After a pause of this process the answer may be here and unread: it is read before this comes by again.
        cancel = clock.after(0, () => reject(late(store, ms)))
      })
      call.then(resolve, reject).finally(() => cancel())
    })
  }
}

function late (store: string, ms: number): Error {
  return new Error(`${store} did not answer within ${ms} ms`)
}
