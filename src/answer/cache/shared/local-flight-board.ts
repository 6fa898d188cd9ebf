import type { LocalClient, LocalValue } from '../../../engines/index.ts'
import type { Cancel } from '../../../kernel/index.ts'
import type { Landing } from '../shared-cache.ts'
import type { Ending, FlightBoard } from './flight-board.ts'

export interface LocalFlightBoardOptions {
  readonly client: LocalClient
  readonly prefix: string
  /** The largest value that is handed to followers, in bytes; a larger one each has to make itself. */
  readonly maxBytes: number
}

interface Held {
  readonly token: string
  /** Whether anybody waits: a value is passed on only then. */
  readonly followed: boolean
}

/** What followers find of a flight that has ended, besides a value. */
const unshareable = 'unshareable'
/** How long a follower may take to come for the value, in milliseconds. */
const outcomeMs = 2_000

/** Flights in the local engine: a key for the leader, and, for as long as followers may come for it, one for the value. */
export class LocalFlightBoard implements FlightBoard {
  readonly #options: LocalFlightBoardOptions

  constructor (options: LocalFlightBoardOptions) {
    this.#options = options
  }

  async enter (key: string, token: string, leaseMs: number): Promise<string> {
    const { client } = this.#options
    const flight = this.#flightKey(key)
    for (;;) {
      if (await client.compareAndSet(flight, undefined, { token, followed: false }, { ttlMs: leaseMs }))
        return token
      const held = await this.#held(key)
      if (held === undefined) continue
      // Renewed by as much as a new leader would have: the engine cannot keep what was left.
      const marked = held.followed || await this.#change(key, held, { ...held, followed: true }, leaseMs)
      if (marked) return held.token
    }
  }

  async renew (key: string, token: string, leaseMs: number): Promise<boolean> {
    for (;;) {
      const held = await this.#held(key)
      if (held?.token !== token) return false
      if (await this.#change(key, held, held, leaseMs)) return true
    }
  }

  async end (key: string, token: string, ending: Ending): Promise<boolean> {
    const { client, prefix } = this.#options
    for (;;) {
      const held = await this.#held(key)
      if (held?.token !== token) return false
      // First, so that no follower finds neither the flight nor its outcome.
      if (held.followed && ending.kind !== 'abandoned') {
        await client.set(this.#outcomeKey(token), this.#outcomeOf(ending), { ttlMs: outcomeMs })
      }
      if (!await this.#change(key, held, undefined, undefined)) continue
      if (held.followed) await client.publish(`${prefix}:landed`, token)
      return true
    }
  }

  async look (key: string, token: string): Promise<Landing | undefined> {
    const held = await this.#held(key)
    if (held?.token === token) return undefined
    const outcome = await this.#options.client.get(this.#outcomeKey(token))
    if (outcome === undefined) return 'leader-lost'
    return outcome instanceof Uint8Array ? { value: outcome } : 'unshareable'
  }

  listen (ended: (token: string) => void): Promise<Cancel> {
    return this.#options.client.subscribe(`${this.#options.prefix}:landed`, (token) => ended(String(token)))
  }

  #outcomeOf (ending: Ending): LocalValue {
    const fits = ending.kind === 'value' && ending.value.byteLength <= this.#options.maxBytes
    return fits ? ending.value : unshareable
  }

  async #held (key: string): Promise<Held | undefined> {
    return await this.#options.client.get(this.#flightKey(key)) as unknown as Held | undefined
  }

  #change (key: string, was: Held, next: Held | undefined, ttlMs: number | undefined): Promise<boolean> {
    return this.#options.client.compareAndSet(
      this.#flightKey(key),
      was as unknown as LocalValue,
      next as unknown as LocalValue | undefined,
      ttlMs === undefined ? {} : { ttlMs }
    )
  }

  #flightKey (key: string): string {
    return `${this.#options.prefix}:flight:${key}`
  }

  #outcomeKey (token: string): string {
    return `${this.#options.prefix}:outcome:${token}`
  }
}
