import type { Cancel, Clock } from '../../kernel/index.ts'
import type { IdempotencyStore, KeyLease } from './store.ts'

/** A lease that is renewed while its request runs. */
export interface HeldLease {
  readonly lease: KeyLease
  /** Not renewed from here on, on the clock's `now()`: its request is late. */
  readonly untilMs: number
  renewed(leaseEndsMs: number): void
  lost(): void
}

/**
 * Renews all leases of this worker with one statement each third of a lease. A renewal that fails is tried again
 * at the next beat; a lease that ends meanwhile is found out when its request settles.
 */
export class Heartbeat {
  readonly #store: IdempotencyStore
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #held: Set<HeldLease> = new Set()
  readonly #cancel: Cancel
  #beating = false

  constructor (store: IdempotencyStore, clock: Clock, leaseMs: number) {
    this.#store = store
    this.#clock = clock
    this.#leaseMs = leaseMs
    this.#cancel = clock.every(leaseMs / 3, () => void this.#beat())
  }

  add (held: HeldLease): void {
    this.#held.add(held)
  }

  remove (held: HeldLease): void {
    this.#held.delete(held)
  }

  close (): void {
    this.#cancel()
  }

  async #beat (): Promise<void> {
    if (this.#beating || this.#held.size === 0) return
    const startedMs = this.#clock.now()
    const due = [...this.#held].filter(({ untilMs }) => untilMs > startedMs)
    if (due.length === 0) return
    this.#beating = true
    try {
      const lost = new Set(await this.#store.renew(due.map(({ lease }) => lease), this.#leaseMs))
      for (const held of due) {
        // One that settled in between is neither renewed nor lost.
        if (!this.#held.has(held)) continue
        if (lost.has(held.lease)) held.lost()
        else held.renewed(startedMs + this.#leaseMs)
      }
    } catch {
      // The store does not answer; whoever holds a lease learns so from it directly.
    } finally {
      this.#beating = false
    }
  }
}
