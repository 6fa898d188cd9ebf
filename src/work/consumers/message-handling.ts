import { type Transaction, transaction } from '../../data/index.ts'
import {
  type Clock,
  type ContextPart,
  Deadline,
  fullJitter,
  openContext,
  parseTraceparent,
  type Random,
  resumeContext,
  runWithContext,
  sleep,
  uuidv7,
} from '../../kernel/index.ts'
import type { Logger, Span, Tracer } from '../../telemetry/index.ts'
import { carriedOf, type EventMessage, orderingKey } from '../events/index.ts'
import type { ConsumerStore, Entered } from './consumer-store.ts'
import type { Consumer } from './define-consumer.ts'
import { ReplayedError } from './errors.ts'
import type { Delivery } from './event-source.ts'
import { isDatabaseTrouble, killerVerdict, verdictOn } from './failures.ts'
import type { ConsumerMetrics } from './metrics.ts'

export interface HandlingParts {
  readonly consumer: Consumer
  readonly store: ConsumerStore
  readonly metrics: ConsumerMetrics
  readonly logger: Logger | undefined
  readonly tracer: Tracer | undefined
  readonly clock: Clock
  readonly random: Random
  /** Called for each message that is to be tried again, with when, in milliseconds from now. */
  readonly onRetrying: (waitMs: number) => void
}

/** Between tries while the database is away. */
const troublePauses = { baseMs: 100, capMs: 5_000 } as const
/** Handling that is broken off so often in a row counts as failed: it may be what breaks the connection. */
const mostInterruptions = 5

class LostKeyError extends Error {
  override readonly name = 'LostKeyError'
}

/** Handles messages, each with its effects in one transaction, and sets aside what cannot be handled. */
export class MessageHandling {
  readonly #parts: HandlingParts

  constructor (parts: HandlingParts) {
    this.#parts = parts
  }

  /** How long a key that was claimed for another try is its claimer's. */
  get #leaseMs (): number {
    return 2 * this.#parts.consumer.deadlineMs + 5_000
  }

  /**
   * Handles deliveries, in their order and in one transaction, until each is acknowledged.
   *
   * @param signal aborts when this process gives up: then they are left to be delivered again
   * @throws ReplayedError; the signal's reason
   */
  async handle (
    incarnation: number,
    deliveries: readonly Delivery[],
    signal: AbortSignal
  ): Promise<void> {
    const { consumer, store, metrics, clock, random } = this.#parts
    const known = deliveries.filter(({ message }) => consumer.types.includes(message.type))
    for (const delivery of deliveries) {
      if (known.includes(delivery)) continue
      delivery.ack()
      metrics.outcomes.ignored.add()
    }
    const [first] = known
    if (first === undefined) return
    for (let interruptions = 0;;) {
      signal.throwIfAborted()
      let failure: unknown
      try {
        await this.#handleTogether(incarnation, known)
        return
      } catch (error) {
        if (error instanceof ReplayedError) throw error
        failure = error
      }
      try {
        if (!isDatabaseTrouble(failure) || interruptions >= mostInterruptions) {
          if (known.length > 1) {
            for (const delivery of known) await this.handle(incarnation, [delivery], signal)
            return
          }
          const verdict = verdictOn(failure, 1, consumer, random)
          if (await store.hold(incarnation, first.message, verdict))
            this.#tellHeld(first.message, 1, verdict, failure)
          first.ack()
          return
        }
      } catch (error) {
        if (error instanceof ReplayedError || signal.aborted) throw error
        this.#parts.logger?.warn({ err: error, consumer: consumer.name }, 'an event could not be set aside')
      }
      interruptions++
      metrics.outcomes.interrupted.add(known.length)
      await sleep(clock, fullJitter(interruptions, troublePauses, random), signal)
    }
  }

  /** Sets aside a message that has ended its process too often to be tried again. */
  async bury (incarnation: number, delivery: Delivery): Promise<void> {
    const { message, deliveredBefore } = delivery
    const verdict = killerVerdict(deliveredBefore)
    if (await this.#parts.store.hold(incarnation, message, verdict))
      this.#tellHeld(message, deliveredBefore, verdict, verdict.failure)
    delivery.ack()
  }

  /**
   * Tries the messages of a held key again, in their order, until one fails or none is left.
   *
   * @param signal aborts when this process stops: the rest is left to the next one
   */
  async retry (key: string, signal: AbortSignal): Promise<void> {
    const { consumer, store, metrics, random } = this.#parts
    for (;;) {
      const head = await store.head(key)
      if (head === undefined) return
      if (signal.aborted) return await store.giveBack(key, head.attempt, 0)
      const { message, attempt } = head
      try {
        // The last try was never heard of again: its process ended, or was stopped for very long.
        if (attempt > consumer.attempts) {
          const verdict = killerVerdict(attempt - 1)
          await store.fail(key, head, verdict)
          return this.#tellHeld(message, attempt - 1, verdict, verdict.failure)
        }
        const end = await this.#inTransaction([message], attempt, async (tx, perform) => {
          await perform([message])
          const settled = await store.settle(tx, key, head.seq, this.#leaseMs)
          if (settled === 'lost') throw new LostKeyError()
          return settled
        })
        metrics.outcomes.recovered.add()
        if (end === 'released') return
      } catch (error) {
        if (error instanceof LostKeyError) return
        if (isDatabaseTrouble(error))
          return await store.giveBack(key, attempt, fullJitter(mostInterruptions, troublePauses, random))
        const verdict = verdictOn(error, attempt, consumer, random)
        await store.fail(key, head, verdict)
        return this.#tellHeld(message, attempt, verdict, error)
      }
    }
  }

  /** Keys that are due for another try, claimed for this process. */
  claimDue (limit: number): Promise<readonly string[]> {
    return this.#parts.store.claimDue(limit, this.#leaseMs)
  }

  async #handleTogether (incarnation: number, deliveries: readonly Delivery[]): Promise<void> {
    const { store, metrics, clock } = this.#parts
    const messages = deliveries.map(({ message }) => message)
    const { fresh, parked } = await this.#inTransaction<Entered>(messages, 1, async (tx, perform) => {
      const entered = await store.enter(tx, incarnation, messages)
      if (entered.fresh.length > 0) await perform(entered.fresh)
      return entered
    })
    for (const delivery of deliveries) delivery.ack()
    metrics.outcomes.handled.add(fresh.length)
    metrics.outcomes.parked.add(parked.length)
    metrics.outcomes.duplicate.add(messages.length - fresh.length - parked.length)
    for (const { occurredAtMs } of fresh)
      metrics.age.record(Math.max(0, clock.epochMs() - occurredAtMs) / 1000)
  }

  /** Runs `work` in a transaction, in the trace of the message, and under the consumer's deadline. */
  async #inTransaction<Result> (
    messages: readonly EventMessage[],
    attempt: number,
    work: (
      tx: Transaction,
      perform: (messages: readonly EventMessage[]) => Promise<void>
    ) => Promise<Result>
  ): Promise<Result> {
    const { consumer, store, metrics, logger, clock, random } = this.#parts
    const context = this.#contextOf(messages)
    const span = this.#spanOf(messages, context)
    const startedMs = clock.now()
    try {
      return await runWithContext(
        context,
        () =>
          transaction(store.pool, (tx) =>
            work(tx, async (performed) => {
              const [message] = performed
              const handling = { tx, message: message!, attempt, signal: context.signal, logger }
              await consumer.handle(performed, handling)
            }), { retries: 3, clock, random })
      )
    } catch (error) {
      span?.fail(error)
      throw error
    } finally {
      metrics.seconds.record((clock.now() - startedMs) / 1000)
      span?.end()
      context.settle()
    }
  }

  #contextOf (messages: readonly EventMessage[]): ContextPart {
    const { consumer, clock, random } = this.#parts
    const deadline = Deadline.in(consumer.deadlineMs, clock)
    const [message, ...others] = messages
    return message === undefined || others.length > 0 ?
      openContext({ id: uuidv7(clock), deadline }, random) :
      resumeContext(carriedOf(message), { id: message.id, deadline }, random)
  }

  /** @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ */
  #spanOf ([message, ...others]: readonly EventMessage[], { trace }: ContextPart): Span | undefined {
    const { consumer, tracer } = this.#parts
    if (tracer === undefined || !trace.sampled || message === undefined) return undefined
    const { traceparent } = message.headers
    return tracer.start({
      name: `process ${consumer.name}`,
      kind: 'consumer',
      trace,
      parentSpanId: traceparent === undefined ? undefined : parseTraceparent(traceparent)?.spanId,
      attributes: {
        'messaging.operation.type': 'process',
        'messaging.destination.name': message.type,
        'messaging.consumer.group.name': consumer.name,
        'messaging.message.id': message.id,
        'messaging.batch.message_count': others.length === 0 ? undefined : others.length + 1,
      },
    })
  }

  #tellHeld (
    message: EventMessage,
    attempt: number,
    { dead, waitMs }: { dead: boolean; waitMs: number },
    error: unknown
  ): void {
    const { consumer, metrics, logger, onRetrying } = this.#parts
    metrics.outcomes[dead ? 'dead' : 'retrying'].add()
    if (!dead) onRetrying(waitMs)
    const { id, type } = message
    const about = { err: error, consumer: consumer.name, event: id, type, key: orderingKey(message), attempt }
    if (dead)
      logger?.error(
        about,
        'an event is a dead letter; the rest of its key waits until it is redriven or discarded'
      )
    else logger?.warn(
        { ...about, waitMs: Math.round(waitMs) },
        'an event could not be handled and is tried again'
      )
  }
}
