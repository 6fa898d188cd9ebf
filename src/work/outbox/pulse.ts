import { type Cancel, type Clock, runWithoutContext } from '../../kernel/index.ts'
import { comparePositions, type LogPosition } from '../events/index.ts'

export interface PulseOptions {
  /** Whether there is anything to read after `since`. */
  readonly look: (since: LogPosition) => Promise<boolean>
  /** The pause between two looks is at least this while there are news, in milliseconds. */
  readonly busyMs: number
  /** And at most this when there have been none for a while. */
  readonly idleMs: number
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

interface Waiter {
  readonly after: LogPosition
  readonly wake: () => void
}

/** Pauses grow by this, so that they are in proportion to how long nothing has happened. */
const growth = 1.5
/** A transaction that has just emitted commits soon: the first look comes after this. */
const hintedMs = 2

/**
 * Wakes the readers of this process when there is something to read. All share one look at the log at a time, and nobody
 * looks while nobody waits. Looks, rather than NOTIFY: that takes a lock of the whole server at each commit.
 */
export class Pulse {
  readonly #options: PulseOptions
  readonly #waiters: Set<Waiter> = new Set()
  #pauseMs: number
  #cancel: Cancel | undefined
  #looking = false
  #hinted = false
  #closed = false

  constructor (options: PulseOptions) {
    this.#options = options
    this.#pauseMs = options.busyMs
  }

  /** @returns false after `maxMs` without news, and when `signal` aborts or the pulse is closed */
  wait (after: LogPosition, maxMs: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted || this.#closed) return Promise.resolve(false)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiter: Waiter = { after, wake: () => end(true) }
    const cancel = this.#options.clock.after(maxMs, () => end(false))
    const abort = (): void => end(false)
    const end = (news: boolean): void => {
      this.#waiters.delete(waiter)
      signal.removeEventListener('abort', abort)
      cancel()
      if (this.#waiters.size === 0) this.#rest()
      resolve(news && !this.#closed)
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#waiters.add(waiter)
    this.#schedule()
    return promise
  }

  /** This process has just written: its transaction is about to commit. */
  hint (): void {
    this.#hinted = true
    if (this.#cancel === undefined) return
    this.#rest()
    this.#schedule()
  }

  close (): void {
    this.#closed = true
    this.#rest()
    for (const { wake } of this.#waiters) wake()
  }

  #rest (): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #schedule (): void {
    if (this.#cancel !== undefined || this.#looking || this.#closed) return
    if (this.#hinted) this.#pauseMs = hintedMs
    this.#hinted = false
    this.#cancel = this.#options.clock.after(this.#pauseMs, () => {
      this.#cancel = undefined
      void runWithoutContext(() => this.#look())
    })
  }

  async #look (): Promise<void> {
    this.#looking = true
    const { look, busyMs, idleMs, onError } = this.#options
    let news = false
    try {
      // What is new to one is told to all: most of them are at the same place.
      const oldest = [...this.#waiters].map(({ after }) => after).reduce((a, b) =>
        comparePositions(a, b) < 0 ? a : b
      )
      news = await look(oldest)
    } catch (error) {
      onError(error)
    } finally {
      this.#looking = false
    }
    this.#pauseMs = news ? busyMs : Math.min(idleMs, this.#pauseMs * growth)
    if (news) { for (const { wake } of this.#waiters) wake() }
    if (this.#waiters.size > 0) this.#schedule()
  }
}
