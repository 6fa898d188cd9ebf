import type { Cancel, Clock } from '../../../kernel/index.ts'
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
  /** Asks for a probe: a call was late or failed, or the store is gone and may be back. */
  readonly onDoubt: () => void
}

/**
 * The way to the store. Whether it is there is for probes to say, which are made all the time, and at once when a call is
 * late or fails: a call alone may be late because this process or machine is busy, and to go on without the store would
 * make it busier. A connection that is lost, or a probe that fails or is late, is an outage: all calls under way and all
 * that come fail at once, until a probe is answered.
 */
export class Link {
  readonly #options: LinkOptions
  /** What fails the calls under way. */
  readonly #underWay = new Set<(error: Error) => void>()
  #downSinceMs: number | undefined

  constructor (options: LinkOptions) {
    this.#options = options
  }

  get up (): boolean {
    return this.#downSinceMs === undefined
  }

  /**
   * @param giveUpMs when to stop waiting, should probes be answered and this call not
   * @throws what the call threw, or that the store is gone or late
   */
  async ask<T> (call: () => Promise<T>, giveUpMs: number): Promise<T> {
    const { store, counts, reachable, clock, timeoutMs, onDoubt } = this.#options
    if (!this.up) {
      counts.failures.add()
      throw new Error(`${store} is gone`)
    }
    if (!reachable()) throw this.#lose(new Error(`the connection to ${store} is lost`))
    const cancelDoubt = clock.after(timeoutMs, onDoubt)
    try {
      return await this.#answer(call(), giveUpMs, this.#underWay)
    } catch (error) {
      counts.failures.add()
      if (this.up) onDoubt()
      throw error
    } finally {
      cancelDoubt()
    }
  }

  /**
   * A call that is made in an outage, too, and ends it. Being late makes an outage, and the answer counts all the same.
   *
   * @param giveUpMs when to stop waiting for the answer
   */
  async probe<T> (call: () => Promise<T>, giveUpMs: number): Promise<T> {
    const { clock, store, timeoutMs, reachable, onOutage } = this.#options
    if (!reachable()) throw this.#lose(new Error(`the connection to ${store} is lost`))
    const cancelLate = this.#afterReading(timeoutMs, () => this.#lose(late(store, timeoutMs)))
    try {
      const answer = await this.#answer(call(), giveUpMs, new Set())
      if (this.#downSinceMs !== undefined) {
        const downMs = clock.now() - this.#downSinceMs
        this.#downSinceMs = undefined
        onOutage({ state: 'back', store, downMs })
      }
      return answer
    } catch (error) {
      throw this.#lose(error)
    } finally {
      cancelLate()
    }
  }

  #lose (cause: unknown): Error {
    const { store, counts, clock, onOutage, onDoubt } = this.#options
    const error = cause instanceof Error ? cause : new Error(String(cause))
    if (this.#downSinceMs !== undefined) return error
    this.#downSinceMs = clock.now()
    counts.outages.add()
    for (const fail of this.#underWay) fail(error)
    onDoubt()
    onOutage({ state: 'gone', store, error })
    return error
  }

  #answer<T> (call: Promise<T>, giveUpMs: number, underWay: Set<(error: Error) => void>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        cancel()
        underWay.delete(fail)
      }
      const fail = (error: unknown): void => {
        stop()
        reject(error)
      }
      const cancel = this.#afterReading(giveUpMs, () => fail(late(this.#options.store, giveUpMs)))
      underWay.add(fail)
      call.then((answer) => {
        stop()
        resolve(answer)
      }, fail)
    })
  }

  /** After a pause of this process an answer may be here and unread: it is read before `run` is called. */
  #afterReading (ms: number, run: () => void): Cancel {
    const { clock } = this.#options
    let cancel = clock.after(ms, () => {
      cancel = clock.after(0, run)
    })
    return () => cancel()
  }
}

function late (store: string, ms: number): Error {
  return new Error(`${store} did not answer within ${ms} ms`)
}
