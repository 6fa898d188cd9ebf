import { hash } from 'node:crypto'
import type { Claim } from '../store.ts'
import { LeaseTable } from './lease-table.ts'
import { Lease } from './lease.ts'

/** Longer keys are remembered by their hash. */
const longestName = 64

/** What a worker remembers of keys: leases in bounded memory, and slots for as long as one is owned or in use. */
export class LeaseBook {
  readonly #leases: LeaseTable
  readonly #slots = new Map<string, Lease>()

  /** @param most keys of leases at most */
  constructor (most: number, onForgotten: (lease: Lease) => void) {
    this.#leases = new LeaseTable(most, onForgotten)
  }

  get size (): number {
    return this.#leases.size + this.#slots.size
  }

  /** What is remembered of the claim's key; new when it is nothing. */
  of ({ limit, key }: Claim): Lease {
    const table = limit.kind === 'concurrency' ? this.#slots : this.#leases
    const name = key.length <= longestName ? `${limit.ordinal} ${key}` : `${limit.ordinal}#${digest(key)}`
    let lease = table.get(name)
    if (lease === undefined) {
      // At the ledger no key is long, and none says who it belongs to.
      lease = new Lease(digest(`${limit.id}\0${key}`), limit)
      table.set(name, lease)
    }
    return lease
  }

  leases (): Iterable<Lease> {
    return this.#leases.values()
  }

  slots (): Iterable<Lease> {
    return this.#slots.values()
  }

  /** Forgets slots that say nothing any more. */
  tidy (): void {
    for (const [name, lease] of this.#slots) if (lease.idle) this.#slots.delete(name)
  }
}

function digest (text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22)
}
