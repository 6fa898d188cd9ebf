import { processCache } from './process-cache.ts'
import type { Flight, LeadFlight, Purges, SharedCache } from './shared-cache.ts'

/** Several processes' shared cache, in this one: entries, flights and purges, with hands on what can fail. */
export class MemoryFleet {
  readonly values: Map<string, Uint8Array> = new Map()
  readonly leads: LeadFlight[] = []
  readonly #flights = processCache()
  gets = 0
  /** Runs once, before the next one enters a flight. */
  beforeEnter: (() => void | Promise<void>) | undefined
  current = true

  join (): SharedCache {
    const { purges } = this.#flights
    const current = (): boolean => this.current
    const own: Purges = {
      get sequence (): number {
        return purges.sequence
      },
      get current (): boolean {
        return current()
      },
      staleSince: (tag) => purges.staleSince(tag),
      goneSince: (tag) => purges.goneSince(tag),
      purge: (tags, mode) => purges.purge(tags, mode),
    }
    return {
      purges: own,
      get: async (key) => {
        this.gets++
        return this.values.get(key)
      },
      set: async (key, value) => void this.values.set(key, value),
      delete: async (key) => void this.values.delete(key),
      enter: async (key, leaseMs) => {
        const { beforeEnter } = this
        this.beforeEnter = undefined
        await beforeEnter?.()
        return this.#enter(await this.#flights.enter(key, leaseMs), key)
      },
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }
  }

  #enter (flight: Flight, key: string): Flight {
    if (flight.role === 'follow') return flight
    const lead: LeadFlight = {
      role: 'lead',
      land: async (value, keepMs) => {
        if (value !== undefined) this.values.set(key, value)
        await flight.land(value, keepMs)
      },
      abandon: () => flight.abandon(),
    }
    this.leads.push(lead)
    return lead
  }
}
