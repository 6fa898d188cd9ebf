import { transaction } from '../../data/index.ts'
import { type BackoffLimits, type Clock, fullJitter, type Random, sleep } from '../../kernel/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import { type LogPosition, logPosition, orderingKey } from '../events/index.ts'
import type { HeldLease } from '../lease/index.ts'
import { LogTruncatedError } from './errors.ts'
import type { Outbox } from './open-outbox.ts'
import type { LoggedMessage, LogShard } from './outbox-log.ts'
import type { ParkedEvent, ParkedEvents, Parking } from './parked-events.ts'
import type { Publisher, PublishOutcome } from './publisher.ts'
import type { TimedBatch } from './read-log.ts'
import type { RelayMetrics } from './relay-metrics.ts'

export interface RelayShardOptions {
  readonly outbox: Outbox
  readonly publisher: Publisher
  readonly shard: LogShard
  /** The checkpoint's name. */
  readonly name: string
  readonly lease: HeldLease
  readonly parked: ParkedEvents
  readonly batch: number
  readonly attempts: number
  readonly backoff: BackoffLimits
  readonly metrics: RelayMetrics
  readonly logger: Logger | undefined
  readonly clock: Clock
  readonly random: Random
  /** Hears of each call that published something or was refused something. */
  readonly onAnswer: (answer: BrokerAnswer) => void
}

/** What became of a call. */
export interface BrokerAnswer {
  /** The broker's first word against a message, if there was any. */
  readonly refusal: Error | undefined
  /** It took a message. */
  readonly took: boolean
  /** It took none, and not for what the messages are. */
  readonly stands: boolean
}

/** A batch, and what to add to our clock to have the server's. */
type ReadBatch = TimedBatch & { readonly offsetMs: number }

/** How long an idle shard waits before it looks at what it has set aside, in milliseconds. */
const restMs = 1_000
/** So often a round is repeated at once before a message that the broker does not take is set aside. */
const roundsInPlace = 2

/** One shard of a relay, while this process holds its lease: read, publish, note, and again. */
export class RelayShard {
  readonly #options: RelayShardOptions
  /** Keys that have events set aside, by whether the first of them is to be tried again. */
  #keys: Map<string, { readonly aggregateType: string; readonly key: string; readonly ready: boolean }> =
    new Map()
  #keysAtMs = -Infinity
  #saved: Promise<boolean> = Promise.resolve(true)
  #savedAtMs = -Infinity

  constructor (options: RelayShardOptions) {
    this.#options = options
  }

  /**
   * Works until `stop` aborts, the lease is lost or somebody else has taken the checkpoint over. A batch that is under
   * way when `stop` aborts is finished, unless `abort` does too.
   */
  async run (stop: AbortSignal, abort: AbortSignal): Promise<void> {
    const { lease } = this.#options
    const soft = AbortSignal.any([stop, lease.signal])
    const hard = AbortSignal.any([abort, lease.signal])
    let position = await this.#claim()
    let ahead: Promise<ReadBatch> | undefined
    while (!soft.aborted && position !== undefined) {
      await this.#tryParked(hard)
      const batch = await (ahead ?? this.#read(position))
      ahead = batch.more && !soft.aborted ? this.#read(batch.next) : undefined
      // Awaited in the next round; until then nobody would hear it fail.
      ahead?.catch(() => {})
      position = await this.#relay(position, batch, soft, hard)
      if (position !== undefined && !batch.more) await this.#options.outbox.wait(position, restMs, soft)
    }
    await this.#saved
  }

  /** Where to begin; from now on whoever held the shard before cannot move its checkpoint. */
  async #claim (): Promise<LogPosition | undefined> {
    const { outbox, name, lease } = this.#options
    return await transaction(outbox.pool, async (tx) => {
      await lease.fence(tx)
      const { rows: [row] } = await tx.query<{ epoch: number; xid: string; position: string }>(
        `UPDATE ${outbox.names.readers} SET token = $2 WHERE name = $1 RETURNING epoch, xid::text, position::text`,
        [name, lease.token]
      )
      return row === undefined ?
        undefined :
        logPosition(row.epoch, row.xid, row.position)
    })
  }

  async #read (after: LogPosition): Promise<ReadBatch> {
    const { outbox, batch, shard, metrics, logger, name, clock } = this.#options
    try {
      const read = await outbox.read({ after, limit: batch, shard })
      return { ...read, offsetMs: read.serverMs - clock.now() }
    } catch (error) {
      if (!(error instanceof LogTruncatedError)) throw error
      metrics.truncated.add()
      logger?.error({ err: error }, `${name} goes on behind events that were dropped before it had read them`)
      return await this.#read(error.tail)
    }
  }

  /** Publishes a batch, and notes how far it came. @returns where to read on; `undefined`: the shard is not ours */
  async #relay (
    from: LogPosition,
    batch: ReadBatch,
    soft: AbortSignal,
    hard: AbortSignal
  ): Promise<LogPosition | undefined> {
    const { clock, outbox, name, lease, parked } = this.#options
    const { parkings, unconfirmed } = await this.#publish(batch.messages, batch.offsetMs, soft, hard)
    // When it was stopped in the middle: up to the first that is not confirmed.
    const at = unconfirmed === undefined ? -1 : batch.messages.indexOf(unconfirmed)
    const next = unconfirmed === undefined ? batch.next : batch.messages[at - 1]?.position ?? from
    const behind = new Set(batch.messages.slice(at === -1 ? batch.messages.length : at).map(({ id }) => id))
    const toPark = parkings.filter(({ message }) => !behind.has(message.id))
    if (!await this.#saved) return undefined
    if (toPark.length > 0) {
      const isOurs = await transaction(outbox.pool, async (tx) => {
        await lease.fence(tx)
        await parked.add(tx, toPark)
        return await outbox.checkpoints.save(tx, name, next, lease.token)
      })
      return isOurs ? next : undefined
    }
    // Idle shards move on with the log, but need not note it each time.
    if (batch.messages.length > 0 || clock.now() - this.#savedAtMs >= restMs) {
      this.#savedAtMs = clock.now()
      this.#saved = outbox.checkpoints.save(outbox.pool, name, next, lease.token)
      // The next batch is published meanwhile. Until it is awaited, nobody would hear it fail.
      this.#saved.catch(() => {})
    }
    return next
  }

  /**
   * Publishes until each message is confirmed or set aside.
   *
   * @returns what is to be set aside; and when it was stopped before it was done, the first message that is neither
   */
  async #publish (
    messages: readonly LoggedMessage[],
    offsetMs: number,
    soft: AbortSignal,
    hard: AbortSignal
  ): Promise<{ readonly parkings: readonly Parking[]; readonly unconfirmed: LoggedMessage | undefined }> {
    const { attempts } = this.#options
    const parkings: Parking[] = []
    const setAside = (parking: Parking): void => {
      const { message } = parking
      parkings.push(parking)
      const { aggregateType, key } = message
      const stuck = orderingKey(message)
      if (!this.#keys.has(stuck))
        this.#keys.set(stuck, { aggregateType, key, ready: parking.error === undefined })
    }
    let left = messages
    for (let round = 1;; round++) {
      left = left.filter((message) => {
        if (!this.#keys.has(orderingKey(message))) return true
        setAside({ message, attempts: 0 })
        return false
      })
      if (left.length === 0) return { parkings, unconfirmed: undefined }
      if (soft.aborted && round > 1) return { parkings, unconfirmed: left[0] }
      const { refused, progress, rest } = await this.#attempt(left, offsetMs, hard)
      left = rest
      for (const { message, outcome } of refused) {
        if (!outcome.retryable) setAside({ message, error: this.#dead(message, outcome.error), attempts: 1 })
      }
      const again = refused.filter(({ outcome }) => outcome.retryable)
      if (again.length === 0) continue
      await this.#pause(progress, soft, hard)
      if (round <= roundsInPlace || soft.aborted) continue
      // Whatever the broker does not take while it takes others must not hold these up.
      for (const { message, outcome } of again) {
        setAside(
          attempts === 1 ?
            { message, error: this.#dead(message, outcome.error), attempts: 1 } :
            { message, attempts: 1 }
        )
      }
    }
  }

  /** A moment; and where nothing got through, until the broker takes messages again. */
  async #pause (progress: boolean, soft: AbortSignal, hard: AbortSignal): Promise<void> {
    const { backoff, clock, random } = this.#options
    for (let failures = 1; !soft.aborted; failures++) {
      await sleep(clock, fullJitter(failures, backoff, random), soft).catch(() => {})
      if (progress || soft.aborted || await this.#takesMessages(hard)) return
    }
  }

  /** One call of the publisher, counted. */
  async #attempt (
    messages: readonly LoggedMessage[],
    offsetMs: number | undefined,
    hard: AbortSignal
  ): Promise<{
    readonly refused: readonly { message: LoggedMessage; outcome: PublishOutcome & { kind: 'refused' } }[]
    readonly progress: boolean
    /** In their order, what is not confirmed. */
    readonly rest: readonly LoggedMessage[]
  }> {
    const { publisher, metrics, clock, onAnswer } = this.#options
    const outcomes = await publisher.publish(messages, hard).catch((error: unknown): PublishOutcome[] => {
      const cause = error instanceof Error ? error : new Error(String(error))
      return messages.map(() => ({ kind: 'refused', retryable: true, error: cause }))
    })
    const nowMs = offsetMs === undefined ? undefined : clock.now() + offsetMs
    const refused: { message: LoggedMessage; outcome: PublishOutcome & { kind: 'refused' } }[] = []
    const rest: LoggedMessage[] = []
    for (const [at, message] of messages.entries()) {
      const outcome = outcomes[at] ?? { kind: 'held' }
      if (outcome.kind === 'confirmed') {
        metrics.published.add()
        if (outcome.duplicate === true) metrics.duplicates.add()
        if (nowMs !== undefined) metrics.delays.record(Math.max(0, nowMs - message.occurredAtMs) / 1000)
        continue
      }
      rest.push(message)
      if (outcome.kind === 'held') continue
      refused.push({ message, outcome })
      metrics.refused[outcome.retryable ? 'retryable' : 'for_good'].add()
    }
    const progress = rest.length < messages.length
    const stands = !progress && refused.some(({ outcome }) => outcome.retryable)
    if (refused.length > 0 || progress)
      onAnswer({ refusal: refused[0]?.outcome.error, took: progress, stands })
    return { refused, progress, rest }
  }

  /** Tries again what was set aside, when it is time to; a key that is free of it goes on with the log. */
  async #tryParked (hard: AbortSignal): Promise<void> {
    const { parked, shard, clock, batch } = this.#options
    if (clock.now() - this.#keysAtMs < restMs) return
    this.#keysAtMs = clock.now()
    // With what was set aside by this batch noted, the table knows all keys.
    await this.#saved
    const keys = await parked.keys(shard)
    this.#keys = new Map(keys.map((key) => [orderingKey(key), key]))
    for (const key of keys) {
      if (!key.ready) continue
      const events = await parked.of(key, batch)
      const tried = events.length === 0 ? 'published' : await this.#tryKey(events, hard)
      if (tried === 'down') return
      if (tried !== 'published') continue
      if (events.length < batch) this.#keys.delete(orderingKey(key))
      // There is more of it: the next round goes on.
      else this.#keysAtMs = -Infinity
    }
  }

  /** @returns whether all got through; 'down': nothing would just now */
  async #tryKey (
    events: readonly ParkedEvent[],
    hard: AbortSignal
  ): Promise<'published' | 'refused' | 'down'> {
    const { outbox, parked, lease, attempts } = this.#options
    const messages = events.map(({ message }) => message)
    const { refused: [first], rest, progress } = await this.#attempt(messages, undefined, hard)
    const published = events.filter(({ message }) => !rest.includes(message))
    const against = events.find(({ message }) => message === first?.message)
    const counts = first !== undefined &&
      (!first.outcome.retryable || progress || await this.#takesMessages(hard))
    await transaction(outbox.pool, async (tx) => {
      await lease.fence(tx)
      await parked.published(tx, published)
      if (first === undefined || against === undefined || !counts) return
      const isLast = !first.outcome.retryable || against.attempts + 1 >= attempts
      await parked.refused(tx, against, isLast ? this.#dead(first.message, first.outcome.error) : undefined)
    })
    if (rest.length === 0) return 'published'
    return counts ? 'refused' : 'down'
  }

  async #takesMessages (hard: AbortSignal): Promise<boolean> {
    return await this.#options.publisher.check(hard).then(() => true, () => false)
  }

  /** The message is a dead letter from now on. @returns what is kept of the reason */
  #dead ({ id, type, aggregateType, key }: LoggedMessage, error: Error): string {
    const { metrics, logger, publisher } = this.#options
    metrics.parked.add()
    logger?.error(
      { err: error, event: id, type, aggregate: aggregateType, key },
      `${publisher.name} does not take an event: its key stands still until the event is released or discarded`
    )
    return error.message.slice(0, 1_000)
  }
}
