import {
  type Cancel,
  formatDuration,
  fullJitter,
  inTime,
  runWithoutContext,
  SettingError,
  sleep,
} from '../../kernel/index.ts'
import { orderingKey } from '../events/index.ts'
import { ReplayedError } from './errors.ts'
import type { Delivery, EventSource, EventStream } from './event-source.ts'
import { Lanes } from './lanes.ts'
import { type HandlingParts, MessageHandling } from './message-handling.ts'
import { OnceDelivery } from './once-delivery.ts'

export interface ConsumerWorkerParts extends Omit<HandlingParts, 'onRetrying'> {
  readonly source: EventSource
  /** How long handled messages are remembered, in milliseconds. */
  readonly keepMs: number
}

/** How often held keys are looked at, and measures taken, in milliseconds. */
const beat = { heldMs: 500, measureMs: 5_000 } as const
/** Between looks at whether what was begun before a replay is over. */
const settlePollMs = 50
/** After a failure of the stream, or of the loop itself. */
const restart = { baseMs: 100, capMs: 10_000 } as const

/** The stream of a consumer, opened under one number of it. */
interface Session {
  readonly incarnation: number
  readonly stream: EventStream
}

/** Takes a consumer's messages from its source, in this process, and sees that they are handled. */
export class ConsumerWorker {
  readonly #parts: ConsumerWorkerParts
  readonly #lanes: Lanes
  readonly #handling: MessageHandling
  /** Ends the taking of messages. */
  readonly #draining: AbortController = new AbortController()
  /** Ends waiting inside of the handling, too. */
  readonly #closing: AbortController = new AbortController()
  /** Ends the pull under way when its consumer is replayed. */
  #replayed: AbortController = new AbortController()
  #loop: Promise<void> | undefined
  #cancels: Cancel[] = []
  /** Keys of the consumer that wait for another try, about. */
  #retrying = 0
  /** Those that this process tries. */
  #trying = 0
  #isMoreDue = false
  #looking = false
  #cancelLook: Cancel | undefined
  #session: Session | undefined

  constructor (parts: ConsumerWorkerParts) {
    this.#parts = parts
    this.#lanes = new Lanes(parts.consumer.concurrency)
    this.#handling = new MessageHandling({ ...parts, onRetrying: (waitMs) => this.#expect(waitMs) })
  }

  /**
   * Opens the stream and begins.
   *
   * @throws SettingError when handled messages are forgotten before their source hands them out for the last time; what
   *   the source throws
   */
  async start (): Promise<void> {
    await runWithoutContext(async () => {
      const session = await this.#open()
      const { clock } = this.#parts
      this.#loop = this.#run(session)
      // It was closed while the stream was opened: the loop gives that up again.
      if (this.#draining.signal.aborted) return await this.#loop
      this.#cancels = [
        clock.every(beat.heldMs, () => void this.#look()),
        clock.every(beat.measureMs, () => void this.measure()),
      ]
    })
  }

  /** Takes no more messages, and waits up to `graceMs` for those under way; the others are left to whoever comes next. */
  async drain (graceMs: number): Promise<void> {
    this.#draining.abort(new Error('the consumer stops'))
    await inTime(this.#parts.clock, graceMs, this.#loop ?? Promise.resolve())
    // What is still under way is rolled back with the process.
    void this.close()
  }

  async close (): Promise<void> {
    const stopped = new Error('the consumer is closed')
    this.#draining.abort(stopped)
    this.#closing.abort(stopped)
    this.#cancelLook?.()
    for (const cancel of this.#cancels.splice(0)) cancel()
    await this.#loop
  }

  /** Brings the gauges up to date. */
  async measure (): Promise<void> {
    const { store, metrics, clock, logger, consumer } = this.#parts
    try {
      const { dead, retrying, oldestDeadSeconds } = await store.counts()
      this.#retrying = retrying
      metrics.deadKeys.set(dead)
      metrics.retryingKeys.set(retrying)
      metrics.oldestDeadSeconds.set(oldestDeadSeconds)
      const backlog = await this.#session?.stream.backlog?.()
      if (backlog === undefined) return
      const { messages, oldestAtMs } = backlog
      if (messages !== undefined) metrics.lagMessages.set(messages)
      metrics.lagSeconds.set(oldestAtMs === undefined ? 0 : Math.max(0, clock.epochMs() - oldestAtMs) / 1000)
    } catch (error) {
      logger?.warn({ err: error, consumer: consumer.name }, 'a consumer could not be measured')
    }
  }

  async #open (): Promise<Session> {
    const { consumer, source, store, clock } = this.#parts
    const { signal } = this.#draining
    for (;;) {
      const { incarnation, settled } = await store.place(consumer.deadlineMs)
      if (!settled) {
        await sleep(clock, settlePollMs, signal)
        continue
      }
      const { name, types, from, window } = consumer
      const stream = await source.subscribe({ consumer: name, incarnation, types, from, window }, signal)
      this.#checkKeep(stream.horizonMs)
      this.#replayed = new AbortController()
      return this.#session = { incarnation, stream }
    }
  }

  #checkKeep (horizonMs: number): void {
    const { consumer, source, keepMs } = this.#parts
    if (keepMs >= horizonMs) return
    const rule = Number.isFinite(horizonMs) ?
      `at least ${formatDuration(horizonMs)}, for so long ${source.name} may hand out an event again` :
      `longer than ${source.name} may hand out an event again, which nothing bounds: bound it there`
    throw new SettingError(`consumers.keep, for consumer ${consumer.name}`, rule, keepMs)
  }

  async #run (first: Session): Promise<void> {
    let session: Session | undefined = first
    for (let failures = 0; !this.#draining.signal.aborted;) {
      try {
        session ??= await this.#open()
        if (failures > 0) this.#tellBack(failures)
        await this.#take(session)
        failures = 0
      } catch (error) {
        if (this.#draining.signal.aborted) break
        const { consumer, logger, clock, random } = this.#parts
        logger?.error(
          { err: error, consumer: consumer.name },
          `the stream of the consumer ${consumer.name} failed and is opened anew; what it had not handled comes again`
        )
        await sleep(clock, fullJitter(++failures, restart, random), this.#draining.signal).catch(() => {})
      }
      await this.#leave(session)
      session = undefined
    }
    if (session !== undefined) await this.#leave(session)
  }

  /** What is under way is brought to its end before the stream is given up: its acknowledgements count. */
  async #leave (session: Session | undefined): Promise<void> {
    await this.#lanes.below(1)
    this.#session = undefined
    await session?.stream.close().catch(() => {})
  }

  /** Takes messages until the consumer stops or is replayed. */
  async #take (session: Session): Promise<void> {
    const { consumer } = this.#parts
    const replayed = this.#replayed.signal
    const signal = AbortSignal.any([this.#draining.signal, replayed])
    while (!signal.aborted) {
      // What is held off waits in the source; asking for a few at a time is dearer than for half a window.
      await this.#lanes.below(Math.max(1, consumer.window / 2))
      if (this.#retrying >= consumer.mostRetrying) {
        await sleep(this.#parts.clock, beat.heldMs, signal).catch(() => {})
        continue
      }
      const room = consumer.batch > 1 ? consumer.batch : consumer.window - this.#lanes.size
      const deliveries = await session.stream.pull(room, signal)
      if (signal.aborted) { for (const delivery of deliveries) delivery.giveBack(0) }
      else this.#accept(session, deliveries.map((delivery) => new OnceDelivery(delivery)))
    }
  }

  #accept (session: Session, deliveries: readonly Delivery[]): void {
    const { consumer } = this.#parts
    const [killers, others] = partition(
      deliveries,
      ({ deliveredBefore }) => deliveredBefore >= consumer.attempts
    )
    for (const delivery of killers) {
      this.#lanes.add(
        this.#laneOf(delivery),
        this.#task([delivery], () => this.#handling.bury(session.incarnation, delivery))
      )
    }
    const groups = consumer.batch > 1 ? [others] : others.map((delivery) => [delivery])
    for (const group of groups) {
      const [first] = group
      if (first === undefined) continue
      this.#lanes.add(
        this.#laneOf(first),
        this.#task(
          group,
          () => this.#handling.handle(session.incarnation, group, this.#closing.signal)
        )
      )
    }
  }

  /** Batches run one after the other, and held keys between them. */
  #laneOf ({ message }: Delivery): string {
    return this.#parts.consumer.batch > 1 ? '' : orderingKey(message)
  }

  #task (deliveries: readonly Delivery[], work: () => Promise<void>): () => Promise<void> {
    return async () => {
      try {
        if (this.#draining.signal.aborted || this.#replayed.signal.aborted)
          return giveBack(deliveries)
        await work()
      } catch (error) {
        giveBack(deliveries)
        if (error instanceof ReplayedError) this.#replayed.abort(error)
        else if (!this.#closing.signal.aborted) this.#tell(error)
      }
    }
  }

  /** A key is to be tried again: by somebody at the next beat, here and sooner when that is not soon enough. */
  #expect (waitMs: number): void {
    this.#retrying++
    if (waitMs >= beat.heldMs || this.#cancelLook !== undefined) return
    this.#cancelLook = this.#parts.clock.after(waitMs, () => {
      this.#cancelLook = undefined
      void this.#look()
    })
  }

  /** Looks for held keys that are due, and whether the consumer has been replayed. */
  async #look (): Promise<void> {
    if (this.#looking || this.#draining.signal.aborted || this.#session === undefined) return
    this.#looking = true
    const { consumer, store } = this.#parts
    try {
      const { incarnation } = await store.place(consumer.deadlineMs)
      if (this.#session !== undefined && incarnation !== this.#session.incarnation)
        this.#replayed.abort(new ReplayedError(consumer.name))
      const room = consumer.concurrency - this.#trying
      const keys = room > 0 ? await this.#handling.claimDue(room) : []
      this.#isMoreDue = keys.length === room
      for (const key of keys) this.#retry(key)
    } catch (error) {
      this.#tell(error)
    } finally {
      this.#looking = false
    }
  }

  #retry (key: string): void {
    this.#trying++
    this.#lanes.add(this.#parts.consumer.batch > 1 ? '' : key, async () => {
      await this.#handling.retry(key, this.#draining.signal).catch((error: unknown) => this.#tell(error))
      this.#trying--
      if (this.#isMoreDue) void this.#look()
    })
  }

  #tellBack (failures: number): void {
    const { logger, consumer } = this.#parts
    const { name } = consumer
    logger?.info({ consumer: name, failures }, `the stream of the consumer ${name} is open again`)
  }

  #tell (error: unknown): void {
    const { logger, consumer } = this.#parts
    logger?.warn({ err: error, consumer: consumer.name }, 'a consumer met an error and goes on')
  }
}

function giveBack (deliveries: readonly Delivery[]): void {
  for (const delivery of deliveries) delivery.giveBack(0)
}

function partition<Item> (
  items: readonly Item[],
  belongs: (item: Item) => boolean
): readonly [readonly Item[], readonly Item[]] {
  return [items.filter(belongs), items.filter((item) => !belongs(item))]
}
