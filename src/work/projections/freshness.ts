import { type Clock, currentContext, runWithoutContext } from '../../kernel/index.ts'
import { comparePositions, type LogPosition } from '../events/index.ts'

interface Waiter {
  readonly projection: string
  readonly token: LogPosition
  readonly settle: (isFresh: boolean) => void
}

/** Pauses between looks at the database while somebody waits, in milliseconds. */
const [shortestMs, longestMs, growth] = [5, 50, 1.4]

/**
 * Tells when projections have come to a place. What this process applies itself it knows at once; for the rest, all that
 * wait share one look at the database at a time.
 */
export class Freshness {
  readonly #look: () => Promise<ReadonlyMap<string, LogPosition>>
  readonly #clock: Clock
  readonly #known: Map<string, LogPosition> = new Map()
  readonly #waiters: Set<Waiter> = new Set()
  #isLooking = false
  #closed = false

  /** @param look where the projections stand */
  constructor (look: () => Promise<ReadonlyMap<string, LogPosition>>, clock: Clock) {
    this.#look = look
    this.#clock = clock
  }

  /** A projection has come to a place. */
  tell (projection: string, position: LogPosition): void {
    const known = this.#known.get(projection)
    if (known !== undefined && comparePositions(position, known) <= 0) return
    this.#known.set(projection, position)
    for (const waiter of this.#waiters)
      if (waiter.projection === projection && comparePositions(position, waiter.token) >= 0)
        waiter.settle(true)
  }

  /**
   * @returns whether the projection has come to `token` within `timeoutMs`, and within the deadline of the current context
   */
  async wait (projection: string, token: LogPosition, timeoutMs: number): Promise<boolean> {
    const known = this.#known.get(projection)
    if (known !== undefined && comparePositions(known, token) >= 0) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiter: Waiter = { projection, token, settle: (isFresh) => resolve(isFresh) }
    this.#waiters.add(waiter)
    const context = currentContext()
    const leave = (): void => resolve(false)
    const waitMs = Math.min(timeoutMs, context?.deadline.remainingMs() ?? timeoutMs)
    const cancel = this.#clock.after(waitMs, leave)
    const signal = context?.signal
    signal?.addEventListener('abort', leave, { once: true })
    if (!this.#isLooking) void runWithoutContext(() => this.#lookOnAndOn())
    try {
      return await promise
    } finally {
      this.#waiters.delete(waiter)
      signal?.removeEventListener('abort', leave)
      cancel()
    }
  }

  /** Whoever waits is told that it is stale. */
  close (): void {
    this.#closed = true
    for (const { settle } of this.#waiters) settle(false)
  }

  async #lookOnAndOn (): Promise<void> {
    this.#isLooking = true
    for (let pauseMs = shortestMs; this.#waiters.size > 0 && !this.#closed;) {
      try {
        for (const [projection, position] of await this.#look()) this.tell(projection, position)
      } catch {
        // A database that is away answers nobody; who waits hears that in time.
      }
      if (this.#waiters.size === 0) break
      const rested = Promise.withResolvers<void>()
      this.#clock.after(pauseMs, rested.resolve)
      await rested.promise
      pauseMs = Math.min(longestMs, pauseMs * growth)
    }
    this.#isLooking = false
  }
}
