import type { Pool } from 'pg'
import { type Cancel, type Clock, type Random, runWithoutContext, sleep } from '../../kernel/index.ts'
import { comparePositions, type LogPosition } from '../events/index.ts'
import type { HeldLease, Leases } from '../lease/index.ts'
import type { LoggedMessage, OutboxLog } from '../outbox/index.ts'
import type { Backlog, Delivery, EventStream, Subscription } from './event-source.ts'
import { placeName } from './log-places.ts'
import { ShardProgress } from './shard-progress.ts'
import { ShardShare } from './shard-share.ts'

export interface LogStreamOptions {
  readonly log: OutboxLog
  readonly pool: Pool
  readonly leases: Leases
  readonly subscription: Subscription
  readonly shards: number
  readonly lookEveryMs: number
  readonly clock: Clock
  readonly random: Random
}

/** The place is saved so often while it moves, in milliseconds. */
const saveEveryMs = 500
/** And so often where only others' transactions have moved the end of the log, which retention wants to know. */
const saveIdleMs = 10_000
/** The longest wait for events before shards are looked at again, in milliseconds. */
const waitMs = 5_000
/**
 * A place follows what is handled within a second, and nothing is forgotten before a consumer has run for this long: an
 * event that is handed out once more, after a crash, comes well before.
 */
const horizonMs = 600_000

interface Shard {
  readonly at: number
  readonly lease: HeldLease
  readonly progress: ShardProgress
  saved: LogPosition
  savedFinished: number
  savedMs: number
  saving: Promise<void> | undefined
}

/** The stream was given back an event, or somebody else has moved its place: it must be opened anew. */
export class LogStreamEndedError extends Error {
  override readonly name = 'LogStreamEndedError'
  readonly code = 'LOG_STREAM_ENDED'
}

/** A consumer's part of the log: the shards that this process holds. */
export class LogStream implements EventStream {
  readonly horizonMs: number = horizonMs
  readonly #options: LogStreamOptions
  readonly #share: ShardShare
  readonly #shards: Map<number, Shard> = new Map()
  readonly #ended: AbortController = new AbortController()
  #changed: PromiseWithResolvers<void> = Promise.withResolvers()
  #turn = 0
  #looking: Promise<void> | undefined
  #cancelSave: Cancel | undefined
  #closing: Promise<void> | undefined

  constructor (options: LogStreamOptions) {
    this.#options = options
    const { leases, subscription: { consumer }, shards, lookEveryMs, clock, random } = options
    this.#share = new ShardShare({
      leases,
      name: `consumer ${consumer}`,
      shards,
      lookEveryMs,
      clock,
      random,
      onTaken: (shard, lease) => this.#take(shard, lease),
      onGivenUp: (shard) => this.#giveUp(shard),
    })
  }

  async open (): Promise<void> {
    await runWithoutContext(() => this.#share.look())
    this.#looking = runWithoutContext(() => this.#look())
    this.#cancelSave = this.#options.clock.every(saveEveryMs, () => void this.#saveAll())
  }

  async pull (limit: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const either = AbortSignal.any([signal, this.#ended.signal])
    while (!signal.aborted) {
      if (this.#ended.signal.aborted) throw this.#ended.signal.reason
      const deliveries = await this.#read(limit)
      if (deliveries.length > 0) return deliveries
      await this.#wait(either)
    }
    return []
  }

  async backlog (): Promise<Backlog> {
    const { log, subscription: { types }, shards } = this.#options
    const head = await log.head()
    const oldest = await Promise.all([...this.#shards.values()].map(async ({ at, progress }) => {
      const { messages: [first] } = await log.read({
        after: progress.done,
        limit: 1,
        types,
        shard: { of: shards, at },
      })
      return { behind: head.position - progress.done.position, oldestAtMs: first?.occurredAtMs }
    }))
    const waiting = oldest.filter(({ oldestAtMs }) => oldestAtMs !== undefined)
    const behind = waiting.reduce((most, { behind }) => behind > most ? behind : most, 0n)
    return {
      messages: Number(behind),
      oldestAtMs: waiting.length === 0 ?
        undefined :
        Math.min(...waiting.map(({ oldestAtMs }) => oldestAtMs ?? Number.POSITIVE_INFINITY)),
    }
  }

  close (): Promise<void> {
    this.#end('it is closed')
    return this.#closing ??= this.#close()
  }

  async #close (): Promise<void> {
    this.#cancelSave?.()
    await this.#looking?.catch(() => {})
    await this.#share.giveUpAll()
  }

  #end (reason: string): void {
    this.#ended.abort(new LogStreamEndedError(`the stream of the log has ended: ${reason}`))
  }

  async #look (): Promise<void> {
    while (!this.#ended.signal.aborted) {
      // A database that is away gives no leases; the next look asks again.
      await this.#share.keep(this.#ended.signal).catch(() => {})
      await sleep(this.#options.clock, this.#options.lookEveryMs, this.#ended.signal).catch(() => {})
    }
  }

  async #take (at: number, lease: HeldLease): Promise<void> {
    const { log, pool, subscription: { consumer, incarnation }, shards, clock } = this.#options
    const place = placeName(consumer, incarnation, shards, at)
    const found = (await log.checkpoints.list()).find(({ name }) => name === place)
    // Saving under the new token keeps out whoever held the shard before.
    if (found === undefined || !await log.checkpoints.save(pool, place, found.position, lease.token))
      return this.#end(`the place ${place} is gone`)
    const { position } = found
    this.#shards.set(at, {
      at,
      lease,
      progress: new ShardProgress(position),
      saved: position,
      savedFinished: 0,
      savedMs: clock.now(),
      saving: undefined,
    })
    this.#changed.resolve()
  }

  async #giveUp (at: number): Promise<void> {
    const shard = this.#shards.get(at)
    this.#shards.delete(at)
    if (shard !== undefined) await this.#save(shard)
  }

  async #saveAll (): Promise<void> {
    await Promise.all([...this.#shards.values()].map((shard) => this.#save(shard)))
  }

  /** Saves how far a shard has come; what is not saved is read again, and known then. */
  async #save (shard: Shard): Promise<void> {
    await shard.saving
    const { done, finished } = shard.progress
    const nowMs = this.#options.clock.now()
    const isDue = finished !== shard.savedFinished || nowMs - shard.savedMs >= saveIdleMs
    if (!isDue || comparePositions(done, shard.saved) <= 0) return
    shard.savedFinished = finished
    shard.savedMs = nowMs
    shard.saving = this.#saveAt(shard, done)
    await shard.saving
    shard.saving = undefined
  }

  async #saveAt (shard: Shard, done: LogPosition): Promise<void> {
    const { log, pool, subscription: { consumer, incarnation }, shards } = this.#options
    const place = placeName(consumer, incarnation, shards, shard.at)
    try {
      const saved = await runWithoutContext(() => log.checkpoints.save(pool, place, done, shard.lease.token))
      if (saved) shard.saved = done
      else if (!shard.lease.signal.aborted) this.#end(`the place ${place} is somebody else's`)
    } catch {
      // The database is away; the next save says it all.
    }
  }

  /** Of each shard in turn, so that none waits behind a busy one. */
  async #read (limit: number): Promise<readonly Delivery[]> {
    const { log, subscription: { types }, shards: of } = this.#options
    const shards = [...this.#shards.values()]
    const deliveries: Delivery[] = []
    this.#turn++
    for (let nth = 0; nth < shards.length && deliveries.length < limit; nth++) {
      const shard = shards[(this.#turn + nth) % shards.length]!
      const { at, progress } = shard
      const after = progress.read
      const { messages, next } = await log.read({
        after,
        limit: limit - deliveries.length,
        types,
        shard: { of, at },
      })
      if (this.#shards.get(at) !== shard || shard.lease.signal.aborted) continue
      for (const message of messages) deliveries.push(this.#delivery(message, progress))
      progress.reach(next)
    }
    return deliveries
  }

  #delivery (message: LoggedMessage, progress: ShardProgress): Delivery {
    return {
      message,
      deliveredBefore: 0,
      ack: progress.hand(message.position),
      // Whatever came behind it may be under way: all that is not done is read anew, in order.
      giveBack: () => this.#end('an event was given back'),
    }
  }

  /** Until there may be events, or this process has other shards. */
  async #wait (signal: AbortSignal): Promise<void> {
    const reads = [...this.#shards.values()].map(({ progress }) => progress.read)
    const [first, ...others] = reads
    const other = new AbortController()
    const stop = AbortSignal.any([signal, other.signal])
    const { promise: changed } = this.#changed = Promise.withResolvers()
    const waited = first === undefined ?
      sleep(this.#options.clock, waitMs, stop).catch(() => {}) :
      this.#options.log.wait(
        others.reduce((least, read) => comparePositions(read, least) < 0 ? read : least, first),
        waitMs,
        stop
      )
    await Promise.race([changed, waited]).finally(() => other.abort())
  }
}
