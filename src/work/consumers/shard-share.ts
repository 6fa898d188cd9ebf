import { type Clock, type Random, sleep } from '../../kernel/index.ts'
import type { HeldLease, Leases } from '../lease/index.ts'

export interface ShardShareOptions {
  readonly leases: Leases
  /** What leases are named after. */
  readonly name: string
  readonly shards: number
  /** How often the share is looked at, in milliseconds. */
  readonly lookEveryMs: number
  readonly clock: Clock
  readonly random: Random
  readonly onTaken: (shard: number, lease: HeldLease) => Promise<void>
  /** Gives up a shard, its progress saved; its lease is released afterwards. */
  readonly onGivenUp: (shard: number) => Promise<void>
}

/**
 * Keeps this process's share of the shards: about as many as any other that takes part. Those who take part hold a seat
 * each, a lease like that of a shard, so that everybody can count them; there are as many seats as shards, and whoever
 * finds none waits for one.
 *
 * Who has more than a share gives one up at a look; who has less takes what is free. A shard is nobody's for a look or
 * two then.
 */
export class ShardShare {
  readonly #options: ShardShareOptions
  readonly #held: Map<number, HeldLease> = new Map()
  #seat: HeldLease | undefined

  constructor (options: ShardShareOptions) {
    this.#options = options
  }

  /** Shards that are held, and nobody else's by now. */
  get held (): ReadonlyMap<number, HeldLease> {
    return this.#held
  }

  /** Looks again and again, until the signal aborts. @throws what `onTaken` throws */
  async keep (signal: AbortSignal): Promise<void> {
    const { lookEveryMs, clock, random } = this.#options
    while (!signal.aborted) {
      await this.look()
      await sleep(clock, lookEveryMs * (0.75 + random() / 2), signal).catch(() => {})
    }
  }

  async look (): Promise<void> {
    const { leases, name, shards, onTaken } = this.#options
    for (const [shard, lease] of this.#held) if (lease.signal.aborted) await this.#giveUp(shard)
    if (this.#seat?.signal.aborted !== false) this.#seat = await this.#takeSeat()
    if (this.#seat === undefined) return
    const share = Math.ceil(shards / Math.max(1, await this.#members()))
    for (const shard of [...this.#held.keys()].slice(share)) await this.#giveUp(shard)
    for (const shard of this.#inOwnOrder()) {
      if (this.#held.size >= share) return
      if (this.#held.has(shard)) continue
      const lease = await leases.take(`${name} ${shard}`)
      if (lease === undefined) continue
      try {
        await onTaken(shard, lease)
        this.#held.set(shard, lease)
      } catch (error) {
        // Nobody would read it while we hold it.
        await lease.release()
        throw error
      }
    }
  }

  async giveUpAll (): Promise<void> {
    for (const shard of this.#held.keys()) await this.#giveUp(shard)
    await this.#seat?.release()
    this.#seat = undefined
  }

  async #giveUp (shard: number): Promise<void> {
    const lease = this.#held.get(shard)
    this.#held.delete(shard)
    await this.#options.onGivenUp(shard)
    await lease?.release()
  }

  async #takeSeat (): Promise<HeldLease | undefined> {
    const { leases, name, shards } = this.#options
    for (let seat = 0; seat < shards; seat++) {
      const lease = await leases.take(`${name} seat ${seat}`)
      if (lease !== undefined) return lease
    }
    return undefined
  }

  async #members (): Promise<number> {
    const { leases, name, shards } = this.#options
    const seats = Array.from({ length: shards }, (_, seat) => leases.holder(`${name} seat ${seat}`))
    return (await Promise.all(seats)).filter((holder) => holder !== undefined && holder.leftMs > 0).length
  }

  /** Those who start together do not all ask for the same shard first. */
  #inOwnOrder (): readonly number[] {
    const { shards, random } = this.#options
    const first = Math.floor(random() * shards)
    return Array.from({ length: shards }, (_, nth) => (first + nth) % shards)
  }
}
