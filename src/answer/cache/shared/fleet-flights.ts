import type { Cancel, Clock } from '../../../kernel/index.ts'
import { processCache } from '../process-cache.ts'
import type { Flight, LeadFlight } from '../shared-cache.ts'
import type { FleetCounts } from './fleet-counts.ts'
import type { Ending, FlightBoard } from './flight-board.ts'
import type { Link } from './link.ts'

export interface FleetFlightsOptions {
  readonly board: FlightBoard
  readonly link: Link
  readonly clock: Clock
  readonly counts: FleetCounts
  /** Unlike that of any other process. */
  readonly member: string
  /** How long to wait for the board: longer than its probes, because to go on without it is to make it all again. */
  readonly giveUpMs: number
}

/**
 * Single flight over a fleet: within the process first, so that of all who miss here one asks the others; then over the
 * board. Without the board, the flight is that of the process.
 */
export class FleetFlights {
  readonly #options: FleetFlightsOptions
  /** Who waits within this process. */
  readonly #own = processCache()
  readonly #leading = new Set<() => Promise<void>>()
  /** By the token of the leader that is waited for. */
  readonly #wakes = new Map<string, () => void>()
  #entered = 0
  #listening: Promise<Cancel> | undefined
  #closed = false

  constructor (options: FleetFlightsOptions) {
    this.#options = options
  }

  async enter (key: string, leaseMs: number): Promise<Flight> {
    const { board, link, counts, member, giveUpMs } = this.#options
    const own = await this.#own.enter(key, leaseMs)
    if (own.role === 'follow') return own
    const token = `${member}-${(this.#entered++).toString(36)}`
    const heldMs = heldFor(leaseMs)
    try {
      const leader = await link.ask(async () => {
        await this.#listen()
        return board.enter(key, token, heldMs)
      }, giveUpMs)
      if (leader === token) return this.#lead(key, token, heldMs, own)
      const follow = await this.#own.enter(key, leaseMs)
      void this.#follow(key, leader, heldMs, own)
      counts.follows.add()
      return follow
    } catch {
      counts.alone.add()
      return own
    }
  }

  async close (): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#leading].map((abandon) => abandon()))
    await this.#own.close()
    for (const wake of this.#wakes.values()) wake()
    await this.#listening?.then((cancel) => cancel(), () => {})
  }

  #listen (): Promise<Cancel> {
    this.#listening ??= this.#options.board.listen((token) => this.#wakes.get(token)?.())
      .catch((error: unknown) => {
        this.#listening = undefined
        throw error
      })
    return this.#listening
  }

  #lead (key: string, token: string, heldMs: number, own: LeadFlight): LeadFlight {
    const { board, link, clock, counts, giveUpMs } = this.#options
    counts.leads.add()
    let ended = false
    const stopRenewing = clock.every(heldMs / 3, () => {
      link.ask(() => board.renew(key, token, heldMs), giveUpMs).catch(() => {})
    })
    const end = async (ending: Ending): Promise<void> => {
      if (ended) return
      ended = true
      stopRenewing()
      this.#leading.delete(abandon)
      if (ending.kind === 'abandoned') await own.abandon()
      else await own.land(ending.kind === 'value' ? ending.value : undefined, 0)
      try {
        if (!await link.ask(() => board.end(key, token, ending), giveUpMs)) counts.fenced.add()
      } catch {
        // The others learn by the end of the lease.
      }
    }
    const abandon = (): Promise<void> => end({ kind: 'abandoned' })
    this.#leading.add(abandon)
    return {
      role: 'lead',
      land: (value, keepMs) =>
        end(value === undefined ? { kind: 'unshareable' } : { kind: 'value', value, keepMs }),
      abandon,
    }
  }

  /** Waits for a leader elsewhere, in the place of all who wait within this process. */
  async #follow (key: string, leader: string, heldMs: number, own: LeadFlight): Promise<void> {
    const { board, link, giveUpMs } = this.#options
    try {
      while (!this.#closed) {
        const news = this.#news(leader, heldMs / 3)
        try {
          const landing = await link.ask(() => board.look(key, leader), giveUpMs)
          if (landing === 'leader-lost') break
          if (landing !== undefined)
            return await own.land(landing === 'unshareable' ? undefined : landing.value, 0)
          await news.promise
        } finally {
          news.stop()
        }
      }
    } catch {
      // The board is gone: whoever enters again does so within this process.
    }
    await own.abandon()
  }

  #news (token: string, atMostMs: number): { readonly promise: Promise<void>; readonly stop: Cancel } {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wakes.set(token, resolve)
    const cancel = this.#options.clock.after(atMostMs, resolve)
    return {
      promise,
      stop: () => {
        cancel()
        this.#wakes.delete(token)
      },
    }
  }
}

/**
 * How long the board holds a flight without being told: the rest of `leaseMs` is for the followers, who look three times
 * in that time.
 */
function heldFor (leaseMs: number): number {
  return Math.max(3, Math.ceil(leaseMs * 3 / 4))
}
