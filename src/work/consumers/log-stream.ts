import type { Pool } from 'pg'
import {
  type Cancel,
  type Clock,
  fullJitter,
  type Random,
  runWithoutContext,
  sleep,
} from '../../kernel/index.ts'
import { comparePositions, type LogPosition } from '../events/index.ts'
import type { HeldLease, Leases } from '../lease/index.ts'
import { type LogBatch, type LoggedMessage, LogTruncatedError, type OutboxLog } from '../outbox/index.ts'
import { LogStreamEndedError } from './errors.ts'
import type { Backlog, Delivery, EventStream, Subscription } from './event-source.ts'
import { placeName } from './log-places.ts'
import { ShardProgress } from './shard-progress.ts'
import { ShardShare } from './shard-share.ts'
import type { ShardTrials, Suspicion } from './shard-trials.ts'

export interface LogStreamOptions {
  readonly log: OutboxLog
  readonly pool: Pool
  readonly leases: Leases
  readonly trials: ShardTrials
  readonly subscription: Subscription
  readonly shards: number
  readonly lookEveryMs: number
  readonly onError: (error: unknown) => void
  readonly clock: Clock
  readonly random: Random
}

/** Between tries while the database is away. */
const awayPauses = { baseMs: 100, capMs: 5_000 } as const
/** The place is saved so often while it moves, in milliseconds. */
const saveEveryMs = 500
/** And so often where only others' transactions have moved the end of the log, which retention wants to know. */
const saveIdleMs = 10_000
/** The longest pause before an event is handed out alone once more, for each time it was before, in milliseconds. */
const suspectMs = 100
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
  readonly place: string
  readonly suspicion: Suspicion | undefined
  /** Events that are still to be handed out one at a time. */
  careful: number
  saved: LogPosition
  savedFinished: number
  savedMs: number
  saving: Promise<void> | undefined
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
    this.#looking = runWithoutContext(() => this.#keepShare())
    this.#cancelSave = this.#options.clock.every(saveEveryMs, () => void this.#saveAll())
  }

  async pull (limit: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const { clock, random, onError } = this.#options
    const either = AbortSignal.any([signal, this.#ended.signal])
    for (let failures = 0; !signal.aborted;) {
      if (this.#ended.signal.aborted) throw this.#ended.signal.reason
      const { promise: changed } = this.#changed
      try {
        const deliveries = await this.#read(limit)
        if (deliveries.length > 0) return deliveries
        failures = 0
        await this.#wait(changed, either)
      } catch (error) {
        if (error instanceof LogTruncatedError) throw error
        onError(error)
        await sleep(clock, fullJitter(++failures, awayPauses, random), either).catch(() => {})
      }
    }
    return []
  }

  async backlog (): Promise<Backlog> {
    const { log, subscription: { types }, shards } = this.#options
    const oldest = await Promise.all([...this.#shards.values()].map(async ({ at, progress }) => {
      const { messages: [first] } = await log.read({
        after: progress.done,
        limit: 1,
        types,
        shard: { of: shards, at },
      })
      return first?.occurredAtMs
    }))
    const waiting = oldest.filter((atMs) => atMs !== undefined)
    // How many there are, only counting would tell.
    return { messages: undefined, oldestAtMs: waiting.length === 0 ? undefined : Math.min(...waiting) }
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

  async #keepShare (): Promise<void> {
    const { clock, lookEveryMs, onError } = this.#options
    while (!this.#ended.signal.aborted) {
      // A database that is away gives no leases; the next look asks again.
      await this.#share.keep(this.#ended.signal).catch(onError)
      await sleep(clock, lookEveryMs, this.#ended.signal).catch(() => {})
    }
  }

  async #take (at: number, lease: HeldLease): Promise<void> {
    const { log, pool, trials, subscription: { consumer, incarnation, window }, shards, clock } =
      this.#options
    const place = placeName(consumer, incarnation, shards, at)
    const found = (await log.checkpoints.list()).find(({ name }) => name === place)
    // Saving under the new token keeps out whoever held the shard before.
    if (found === undefined || !await log.checkpoints.save(pool, place, found.position, lease.token))
      return this.#end(`the place ${place} is gone`)
    const { position } = found
    const suspicion = await trials.begin(place)
    this.#shards.set(at, {
      place,
      suspicion,
      careful: suspicion === undefined ? 0 : window,
      at,
      lease,
      progress: new ShardProgress(position),
      saved: position,
      savedFinished: 0,
      savedMs: clock.now(),
      saving: undefined,
    })
    this.#change()
  }

  async #giveUp (at: number): Promise<void> {
    const shard = this.#shards.get(at)
    this.#shards.delete(at)
    if (shard === undefined) return
    await this.#save(shard)
    await this.#options.trials.end(shard.place).catch(() => {})
  }

  /** Whoever waits for events looks again. */
  #change (): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
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
    const { log, pool } = this.#options
    const { place } = shard
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
    const shards = [...this.#shards.values()]
    const suspects = shards.filter(({ careful }) => careful > 0)
    if (suspects.length > 0) return await this.#readAlone(shards, suspects)
    const deliveries: Delivery[] = []
    this.#turn++
    for (let nth = 0; nth < shards.length && deliveries.length < limit; nth++) {
      const shard = shards[(this.#turn + nth) % shards.length]!
      const { messages, next } = await this.#look(shard, limit - deliveries.length)
      if (!this.#isOurs(shard)) continue
      for (const message of messages) deliveries.push(this.#delivery(shard, message, 0))
      shard.progress.reach(next)
    }
    return deliveries
  }

  /** One event, while no other is under way here: should the process end now, it is known at which one. */
  async #readAlone (shards: readonly Shard[], suspects: readonly Shard[]): Promise<readonly Delivery[]> {
    const { trials, clock, random } = this.#options
    if (shards.some(({ progress }) => progress.size > 0)) return []
    for (const shard of suspects) {
      // What is done must not be tried again: it would take the place of the event that is looked for.
      await this.#save(shard)
      const { messages: [message], next } = await this.#look(shard, 1)
      if (message === undefined) shard.careful = 0
      else {
        const { event, tries = 0 } = shard.suspicion ?? {}
        // Another consumer's event may end the process each time, while this one only happens to be under way.
        if (event === message.id) await sleep(clock, random() * tries * suspectMs, this.#ended.signal)
        const deliveredBefore = await trials.note(shard.place, message.id)
        if (!this.#isOurs(shard)) return []
        const delivery = this.#delivery(shard, message, deliveredBefore)
        shard.progress.reach(next)
        return [delivery]
      }
    }
    return await this.#read(1)
  }

  #look ({ at, progress }: Shard, limit: number): Promise<LogBatch> {
    const { log, subscription: { types }, shards: of } = this.#options
    return log.read({ after: progress.read, limit, types, shard: { of, at } })
  }

  #isOurs (shard: Shard): boolean {
    return this.#shards.get(shard.at) === shard && !shard.lease.signal.aborted
  }

  #delivery (shard: Shard, message: LoggedMessage, deliveredBefore: number): Delivery {
    const done = shard.progress.hand(message.position)
    return {
      message,
      deliveredBefore,
      ack: () => {
        done()
        if (shard.careful === 0) return
        shard.careful--
        this.#change()
      },
      // Whatever came behind it may be under way: all that is not done is read anew, in order.
      giveBack: () => this.#end('an event was given back'),
    }
  }

  /** Until there may be events, or this process has other shards. */
  async #wait (changed: Promise<void>, signal: AbortSignal): Promise<void> {
    const reads = [...this.#shards.values()].map(({ progress }) => progress.read)
    const [first, ...others] = reads
    const other = new AbortController()
    const stop = AbortSignal.any([signal, other.signal])
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
