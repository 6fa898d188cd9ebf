import type { Transaction } from '../../data/index.ts'
import { type BackoffLimits, type Duration, parseDuration, SettingError } from '../../kernel/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import type { EventHandler, EventMessage, EventType } from '../events/index.ts'
import { EventBatch } from './event-batch.ts'

/** What a handler has beside the payload. */
export interface Handling {
  /** The transaction that remembers the event as handled: what is written in it happens once. */
  readonly tx: Transaction
  /** The event as it came; of a batch the first one. */
  readonly message: EventMessage
  /** Which try this is, from 1. */
  readonly attempt: number
  /** Aborts when the deadline passes. Pass it to all that is awaited and is not a statement. */
  readonly signal: AbortSignal
  readonly logger: Logger | undefined
}

interface ConsumerSettings {
  /** Names the stream that it reads, as given to `openConsumers`. @default 'log' */
  readonly source?: string
  /** Where it begins the first time it ever runs. @default 'beginning': with all that the source still has */
  readonly from?: 'beginning' | 'end'
  /** Events of different keys that are handled at once in a process. @default 8 */
  readonly concurrency?: number
  /** Events that this process takes on before it is done with them. @default 8 times `concurrency`, or twice the batch */
  readonly window?: number
  /**
   * Tries of an event until it is a dead letter, and the pauses between them: random up to `base`, doubled each time, at
   * most `cap`.
   * @default { attempts: 10, base: '1s', cap: '10m' }
   */
  readonly retry?: { readonly attempts?: number; readonly base?: Duration; readonly cap?: Duration }
  /** How long handling an event, or a batch, may take. @default '30s' */
  readonly deadline?: Duration
  /**
   * Keys that wait for another try at which the consumer stops taking new events, so that the outage of what it calls
   * does not move the stream into its tables. @default 1000
   */
  readonly mostRetrying?: number
}

/** Handles events one by one, in order within a key. */
export interface ConsumerOptions extends ConsumerSettings {
  /** `orderPlaced.handle(async (payload, { tx }) => ...)`, at most one for each type. */
  readonly on: readonly EventHandler<Handling>[]
  readonly batch?: undefined
}

/** Handles events by the batch, in the source's order, one batch at a time. */
export interface BatchConsumerOptions extends Omit<ConsumerSettings, 'concurrency'> {
  readonly on: readonly EventType[]
  readonly batch: {
    /** At most; a batch is what is there. @default 500 */
    readonly size?: number
    /** All of it happens, or nothing: after a failure its events come again one at a time. */
    run(events: EventBatch, handling: Handling): Promise<void>
  }
}

/** A consumer, its settings resolved. */
export interface Consumer {
  readonly name: string
  readonly types: readonly string[]
  readonly source: string
  readonly from: 'beginning' | 'end'
  readonly concurrency: number
  /** Events that are handled in one transaction. */
  readonly batch: number
  readonly window: number
  readonly attempts: number
  readonly backoff: BackoffLimits
  readonly deadlineMs: number
  readonly mostRetrying: number
  /** Handles messages of its types. @throws what a handler throws, or the reading of a message */
  handle(messages: readonly EventMessage[], handling: Handling): Promise<void>
}

/**
 * Says what is done about events.
 *
 * ```ts
 * export const billing = defineConsumer('billing', {
 *   on: [orderPlaced.handle(async ({ orderId }, { tx }) => {
 *     await tx.query('INSERT INTO invoice (order_id) VALUES ($1)', [orderId])
 *   })],
 * })
 * ```
 *
 * @param name stable over releases: its place in the stream and what it has handled are kept under it
 * @throws SettingError
 */
export function defineConsumer (name: string, options: ConsumerOptions | BatchConsumerOptions): Consumer {
  if (!/^[a-z][a-z\d-]{0,59}$/.test(name)) {
    const rule = 'lower-case letters, digits and "-", beginning with a letter, at most 60'
    throw new SettingError('name of a consumer', rule, name)
  }
  const setting = (part: string): string => `consumer ${name}: ${part}`
  const types = typesOf(options)
  if (types.length === 0 || new Set(types).size < types.length)
    throw new SettingError(setting('on'), 'at least one event, and each type once', types)
  const { source = 'log', from = 'beginning', retry = {}, deadline = '30s', mostRetrying = 1_000 } = options
  if (from !== 'beginning' && from !== 'end')
    throw new SettingError(setting('from'), "'beginning' or 'end'", from)
  const concurrency = options.batch === undefined ? options.concurrency ?? 8 : 1
  const batch = options.batch === undefined ? 1 : options.batch.size ?? 500
  const { window = options.batch === undefined ? 8 * concurrency : 2 * batch } = options
  const { attempts = 10, base = '1s', cap = '10m' } = retry
  const [baseMs, capMs] = [
    parseDuration(base, setting('retry.base')),
    parseDuration(cap, setting('retry.cap')),
  ]
  if (!(baseMs > 0 && capMs >= baseMs))
    throw new SettingError(setting('retry'), 'a base above 0 and a cap of at least base', { base, cap })
  const deadlineMs = parseDuration(deadline, setting('deadline'))
  if (!(deadlineMs > 0)) throw new SettingError(setting('deadline'), 'above 0', deadline)
  return Object.freeze({
    name,
    types,
    source,
    from,
    concurrency: atLeastOne(setting('concurrency'), concurrency),
    batch: atLeastOne(setting('batch.size'), batch),
    window: atLeastOne(setting('window'), window),
    attempts: atLeastOne(setting('retry.attempts'), attempts),
    backoff: { baseMs, capMs },
    deadlineMs,
    mostRetrying: atLeastOne(setting('mostRetrying'), mostRetrying),
    handle: options.batch === undefined ? oneByOne(options.on) : together(options.on, options.batch),
  })
}

function typesOf (options: ConsumerOptions | BatchConsumerOptions): readonly string[] {
  return options.batch === undefined ?
    options.on.map(({ event }) => event.type) :
    options.on.map(({ type }) => type)
}

function oneByOne (handlers: readonly EventHandler<Handling>[]): Consumer['handle'] {
  const byType = new Map(handlers.map((handler) => [handler.event.type, handler]))
  return async (messages, handling) => {
    for (const message of messages) await byType.get(message.type)?.handle(message, { ...handling, message })
  }
}

function together (
  events: readonly EventType[],
  batch: BatchConsumerOptions['batch']
): Consumer['handle'] {
  const byType = new Map(events.map((event) => [event.type, event]))
  return async (messages, handling) => await batch.run(new EventBatch(messages, byType), handling)
}

function atLeastOne (setting: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value
  throw new SettingError(setting, 'a whole number of at least 1', value)
}
