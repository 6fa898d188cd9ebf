import type { Lease } from './lease.ts'

/**
 * Leases by key, in bounded memory: two generations. What is used moves to the young one; when that is full,
 * what is left of the old one is forgotten, so that at least the last `most / 2` keys in use are remembered.
 *
 * Leases that are not idle are handed out when they are forgotten, so that nothing lent is lost with them.
 */
export class LeaseTable {
  readonly #half: number
  readonly #onForgotten: (lease: Lease) => void
  #young = new Map<string, Lease>()
  #old = new Map<string, Lease>()

  /** @param most keys at most, at least 2 */
  constructor (most: number, onForgotten: (lease: Lease) => void) {
    this.#half = Math.max(1, Math.floor(most / 2))
    this.#onForgotten = onForgotten
  }

  get size (): number {
    return this.#young.size + this.#old.size
  }

  get (name: string): Lease | undefined {
    const young = this.#young.get(name)
    if (young !== undefined) return young
    const old = this.#old.get(name)
    if (old === undefined) return undefined
    this.#old.delete(name)
    this.set(name, old)
    return old
  }

  set (name: string, lease: Lease): void {
    if (this.#young.size >= this.#half) this.#age()
    this.#young.set(name, lease)
  }

  *values (): IterableIterator<Lease> {
    yield* this.#young.values()
    yield* this.#old.values()
  }

  #age (): void {
    const forgotten = this.#old
    this.#old = this.#young
    this.#young = new Map()
    for (const lease of forgotten.values()) if (!lease.idle) this.#onForgotten(lease)
  }
}
