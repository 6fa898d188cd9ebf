import { type Cancel, type Clock, fullJitter, type Random } from '../../../kernel/index.ts'
import type { Ask, Holding, Ledger, Settlement } from './ledger.ts'

export interface LineOptions {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly random: Random
  /** How long a round trip may take before it counts as failed, in milliseconds. */
  readonly timeoutMs: number
  /** What is to be said when the line comes back, before anybody uses it. */
  readonly holdings: () => readonly Holding[]
  readonly onDown: (error: Error) => void
  readonly onUp: (downMs: number) => void
}

/** Pauses between two attempts to get through again, in milliseconds. */
const pauses = { baseMs: 200, capMs: 1_000 }

/** A round trip did not end in time. */
class LateError extends Error {
  override readonly name = 'LateError'

  constructor (ledger: string, timeoutMs: number) {
    super(`${ledger} did not answer within ${timeoutMs} ms`)
  }
}

/**
 * The line to a ledger: round trips with a bound, and a breaker. One failure takes the line down; while it is
 * down nobody waits for it, and one attempt at a time, with growing and jittered pauses, finds out when it works
 * again. Nothing here rejects.
 */
export class Line {
  readonly #options: LineOptions
  #downSinceMs: number | undefined
  #failures = 0
  #probing = false
  #cancelProbe: Cancel | undefined
  #closed = false
  /** As last heard. */
  workers = 1
  /** Round trips that were sent. */
  sent = 0

  constructor (options: LineOptions) {
    this.#options = options
  }

  get up (): boolean {
    if (this.#downSinceMs !== undefined || this.#closed) return false
    if (this.#options.ledger.reachable()) return true
    this.#failed(new Error(`${this.#options.ledger.name} is not connected`))
    return false
  }

  /**
   * @param heard gets the answer, even one that comes after its time
   * @returns undefined when it failed or took too long
   */
  async settle (
    asks: readonly Ask[],
    heard: (settlement: Settlement) => void
  ): Promise<Settlement | undefined> {
    if (!this.up) return undefined
    return this.#bounded(async () => {
      const settlement = await this.#options.ledger.settle(asks)
      this.workers = settlement.workers
      heard(settlement)
      return settlement
    })
  }

  /** Says that this worker lives. */
  async announce (): Promise<void> {
    if (!this.up) return
    const workers = await this.#bounded(() => this.#options.ledger.announce(this.#options.holdings()))
    if (workers !== undefined) this.workers = workers
  }

  /** Gives up: no attempt follows. */
  async close (leave: () => Promise<void>): Promise<void> {
    if (this.#closed) return
    const wasUp = this.up
    this.#closed = true
    this.#cancelProbe?.()
    if (wasUp) await this.#bounded(leave)
  }

  /** Runs one round trip to its end or to the bound, whichever is first; a failure takes the line down. */
  async #bounded<Answer> (run: () => Promise<Answer>): Promise<Answer | undefined> {
    const { ledger } = this.#options
    this.sent++
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>()
    let ended = false
    const fail = (error: unknown): void => {
      // What becomes of a round trip that was given up says nothing of the line of now.
      if (ended) return
      this.#failed(error instanceof Error ? error : new Error(String(error)))
      resolve(undefined)
    }
    const cancel = this.#limit(() => fail(new LateError(ledger.name, this.#options.timeoutMs)))
    void promise.then(() => {
      ended = true
      cancel()
    })
    run().then(resolve, fail)
    return promise
  }

  /**
   * Runs `late` when the bound has passed and what has arrived by then has been read: a loop that was held up
   * runs its timers first, and would take its own delay for the ledger's.
   */
  #limit (late: () => void): Cancel {
    const { clock, timeoutMs } = this.#options
    let cancel = clock.after(timeoutMs, () => {
      cancel = clock.after(0, late)
    })
    return () => cancel()
  }

  #failed (error: Error): void {
    if (this.#closed) return
    if (this.#downSinceMs === undefined) {
      // From here on nobody waits.
      this.#downSinceMs = this.#options.clock.now()
      this.#failures = 0
      this.#options.onDown(error)
    }
    this.#probeLater()
  }

  #probeLater (): void {
    if (this.#cancelProbe !== undefined || this.#probing || this.#closed) return
    const { clock, random } = this.#options
    // Half of it stands, so that no worker hammers a server that is just coming up.
    const pauseMs = pauses.baseMs / 2 + fullJitter(++this.#failures, pauses, random) / 2
    this.#cancelProbe = clock.after(pauseMs, () => {
      this.#cancelProbe = undefined
      void this.#probe()
    })
  }

  async #probe (): Promise<void> {
    const { ledger, clock, holdings, onUp } = this.#options
    this.#probing = true
    try {
      if (!ledger.reachable()) return
      this.sent++
      // Without a bound: nobody waits for it, and a second one would stand behind the first.
      this.workers = await ledger.announce(holdings())
      if (this.#closed || this.#downSinceMs === undefined) return
      const downMs = clock.now() - this.#downSinceMs
      this.#downSinceMs = undefined
      onUp(downMs)
    } catch {
      // Still down: tried again below.
    } finally {
      this.#probing = false
      if (this.#downSinceMs !== undefined) this.#probeLater()
    }
  }
}
