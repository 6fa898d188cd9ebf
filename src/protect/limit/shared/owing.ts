import type { Clock } from '../../../kernel/index.ts'
import type { Lease } from './lease.ts'

/** How long what is given back may wait for others before it is sent, in milliseconds. */
const collectMs = 10
/** Leases that are paid back in one round trip. */
const atOnce = 64
/** Keys that may owe something at once; beyond, what is owed is lost: to the clients' disadvantage only. */
const mostOwing = 10_000

export interface OwingOptions {
  readonly clock: Clock
  /** Whether there is somebody to pay. */
  readonly mayPay: () => boolean
  /** One round trip. */
  readonly pay: (leases: readonly Lease[]) => Promise<void>
}

/** Leases with something to give back, collected for a moment so that many go in one round trip. */
export class Owing {
  readonly #options: OwingOptions
  readonly #leases = new Set<Lease>()
  #collecting = false
  #closed = false

  constructor (options: OwingOptions) {
    this.#options = options
  }

  /** A lease that has nothing to give back is none of them. */
  add (lease: Lease): void {
    if (lease.back === 0) return
    if (this.#leases.size >= mostOwing && !this.#leases.has(lease)) lease.back = 0
    else this.#leases.add(lease)
    if (this.#collecting || this.#closed) return
    this.#collecting = true
    this.#options.clock.after(collectMs, () => {
      this.#collecting = false
      void this.payAll()
    })
  }

  /** It is being paid back with something else. */
  remove (lease: Lease): void {
    this.#leases.delete(lease)
  }

  /** Pays what is owed now; what comes after stays unpaid. */
  close (): Promise<void> {
    this.#closed = true
    return this.payAll()
  }

  async payAll (): Promise<void> {
    const { mayPay, pay } = this.#options
    const owing = [...this.#leases]
    for (let first = 0; first < owing.length && mayPay(); first += atOnce) {
      const some = owing.slice(first, first + atOnce).filter(({ back }) => back !== 0)
      if (some.length > 0) await pay(some)
    }
  }
}
