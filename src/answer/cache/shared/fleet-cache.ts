import type { Flight, Purges, SharedCache } from '../shared-cache.ts'
import type { FleetCounts } from './fleet-counts.ts'
import type { FleetFlights } from './fleet-flights.ts'
import type { FleetPurges } from './fleet-purges.ts'
import type { Link } from './link.ts'

/** Where entries are kept. All calls may reject when it cannot be reached. */
export interface EntryStore {
  get(key: string): Promise<Uint8Array | undefined>
  set(key: string, value: Uint8Array, keepMs: number): Promise<void>
  delete(key: string): Promise<void>
}

export interface FleetCacheParts {
  /** None: entries are not kept beyond the processes' own memory. */
  readonly entries: EntryStore | undefined
  readonly flights: FleetFlights
  readonly purges: FleetPurges
  readonly link: Link
  readonly counts: FleetCounts
  /** How long a request waits for an entry. */
  readonly timeoutMs: number
  /** Frees what the parts stand on. */
  readonly release: () => void
}

/** A {@link SharedCache} of its parts: in an outage it is an empty one. */
export class FleetCache implements SharedCache {
  readonly purges: Purges
  readonly #parts: FleetCacheParts
  #closing: Promise<void> | undefined

  constructor (parts: FleetCacheParts) {
    this.#parts = parts
    this.purges = parts.purges
    parts.purges.start()
  }

  async get (key: string): Promise<Uint8Array | undefined> {
    const { entries, link, counts, timeoutMs } = this.#parts
    if (entries === undefined) return undefined
    try {
      const value = await link.ask(() => entries.get(key), timeoutMs)
      ;(value === undefined ? counts.misses : counts.hits).add()
      return value
    } catch {
      return undefined
    }
  }

  async set (key: string, value: Uint8Array, keepMs: number): Promise<void> {
    const { entries, link, timeoutMs } = this.#parts
    if (entries !== undefined)
      await link.ask(() => entries.set(key, value, keepMs), timeoutMs).catch(() => {})
  }

  async delete (key: string): Promise<void> {
    const { entries, link, timeoutMs } = this.#parts
    if (entries !== undefined) await link.ask(() => entries.delete(key), timeoutMs).catch(() => {})
  }

  enter (key: string, leaseMs: number): Promise<Flight> {
    return this.#parts.flights.enter(key, leaseMs)
  }

  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  async #close (): Promise<void> {
    const { flights, purges, release } = this.#parts
    await flights.close()
    await purges.close()
    release()
  }
}
