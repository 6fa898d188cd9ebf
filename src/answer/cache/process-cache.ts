import { type Clock, systemClock } from '../../kernel/index.ts'
import { abortable } from './abortable.ts'
import { PurgeLedger } from './purge-ledger.ts'
import type {
  Flight,
  FollowFlight,
  Landing,
  LeadFlight,
  PurgeMode,
  PurgeReceipt,
  Purges,
  SharedCache,
} from './shared-cache.ts'

export interface ProcessCacheOptions {
  /** Measures how long a purge takes. @default the system's clock */
  readonly clock?: Clock
  /** Tags whose purges are remembered one by one; at least 1. @default 100000 */
  readonly maxTags?: number
}

/**
 * The shared cache of a process that shares nothing: flights and purges among those who hold this object, and
 * no entries, because the process's own memory is above it already.
 */
export function processCache ({ clock = systemClock, maxTags }: ProcessCacheOptions = {}): SharedCache {
  return new ProcessCache(clock, new PurgeLedger(maxTags))
}

class ProcessCache implements SharedCache {
  readonly purges: Purges
  readonly #flights: Map<string, FlightOfProcess> = new Map()

  constructor (clock: Clock, ledger: PurgeLedger) {
    this.purges = new PurgesOfProcess(clock, ledger)
  }

  async get (): Promise<undefined> {}

  async set (): Promise<void> {}

  async delete (): Promise<void> {}

  async enter (key: string): Promise<Flight> {
    const underWay = this.#flights.get(key)
    if (underWay !== undefined) return underWay.follower
    const flight = new FlightOfProcess(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }

  async close (): Promise<void> {
    for (const flight of this.#flights.values()) void flight.abandon()
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }
}

class FlightOfProcess implements LeadFlight {
  readonly role = 'lead'
  readonly follower: FollowFlight
  readonly #landed: PromiseWithResolvers<Landing> = Promise.withResolvers()
  readonly #ended: () => void

  constructor (ended: () => void) {
    this.#ended = ended
    this.follower = { role: 'follow', wait: (signal) => abortable(this.#landed.promise, signal) }
  }

  async land (value: Uint8Array | undefined): Promise<void> {
    this.#end(value === undefined ? 'unshareable' : { value })
  }

  async abandon (): Promise<void> {
    this.#end('leader-lost')
  }

  #end (landing: Landing): void {
    this.#landed.resolve(landing)
    this.#ended()
  }
}

class PurgesOfProcess implements Purges {
  readonly current = true
  readonly #clock: Clock
  readonly #ledger: PurgeLedger

  constructor (clock: Clock, ledger: PurgeLedger) {
    this.#clock = clock
    this.#ledger = ledger
  }

  get sequence (): number {
    return this.#ledger.sequence
  }

  staleSince (tag: string): number {
    return this.#ledger.staleSince(tag)
  }

  goneSince (tag: string): number {
    return this.#ledger.goneSince(tag)
  }

  async purge (tags: readonly string[], mode: PurgeMode): Promise<PurgeReceipt> {
    const startedMs = this.#clock.now()
    const sequence = this.#ledger.sequence + 1
    this.#ledger.apply(sequence, tags, mode)
    return { sequence, acknowledged: 1, lapsed: 0, seconds: (this.#clock.now() - startedMs) / 1_000 }
  }
}
