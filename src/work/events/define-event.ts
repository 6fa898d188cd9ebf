import type { Static, TSchema } from 'typebox'
import type { Transaction } from '../../data/index.ts'
import { type Bytes, parseBytes, SettingError, uuidOf, uuidv7 } from '../../kernel/index.ts'
import { headersOf } from './event-headers.ts'
import type { EventMessage } from './event-message.ts'
import { type NewEvent, outlets, type WrittenEvent } from './event-outlet.ts'
import { PayloadForm, type Upcaster } from './payload-form.ts'

export interface EventOptions<Payload> {
  /**
   * Names the aggregate that it happened to, e.g. the order's id: events of one aggregate are kept in order, whatever
   * their type. Where it is missing, each `emit` must say its key.
   */
  readonly key?: (payload: Payload) => string
  /** The kind of the aggregate; brokers route by it. @default the name up to its first dot: 'order' of 'order.placed' */
  readonly aggregateType?: string
  /**
   * By a version, what makes its payloads those of the next one; without a gap up to the newest. Versions below the
   * first are no longer read.
   *
   *     { upcasters: { 1: (old: { id: string }) => ({ orderId: old.id }) } }
   */
  readonly upcasters?: Readonly<Record<number, Upcaster>>
  /** The largest payload. NATS, for one, takes messages of 1 MiB unless told otherwise. @default '256KiB' */
  readonly maxBytes?: Bytes
}

export interface EmitOptions {
  /** @default that of the event's `key` */
  readonly key?: string
  /** A UUID: two events with one id are one to those who read them. @default a new one of version 7 */
  readonly id?: string
  /** Travels with the event, beside trace and tenant. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What a consumer does about one type of event. */
export interface EventHandler<Surroundings> {
  readonly event: EventType
  /**
   * Reads the message and handles it.
   *
   * @throws EventVersionError, EventUnreadableError; what the handler throws
   */
  handle(message: EventMessage, surroundings: Surroundings): Promise<void>
}

/** A type of event: how it is written, and how it is read. */
export interface EventType<Payload = unknown> {
  readonly type: string
  /** The newest, in which it is written. */
  readonly version: number
  /** The oldest version that is read. */
  readonly oldest: number
  readonly aggregateType: string
  /**
   * Writes the event as a part of the caller's transaction: it has happened if and only if that commits.
   *
   * @param tx of the service's database: that of `transaction()`, a client of `pg` inside a transaction, or a pool,
   *   for a transaction of its own; anything with the `query` of `pg`
   * @returns the event as it was written; its position is what a reader must have passed to have seen it
   * @throws EventPayloadError, EventTooLargeError, EventsNotOpenError, SettingError
   */
  emit(tx: Transaction, payload: Payload, options?: EmitOptions): Promise<WrittenEvent>
  /** Writes many with one statement, in their order. See {@link emit}. */
  emitMany(
    tx: Transaction,
    payloads: readonly Payload[],
    options?: Omit<EmitOptions, 'id'>
  ): Promise<readonly WrittenEvent[]>
  /**
   * The message's payload as the newest version has it, checked.
   *
   * @throws EventVersionError, EventUnreadableError
   */
  read(message: Pick<EventMessage, 'type' | 'id' | 'version' | 'payload'>): Payload
  /** For `on` of a consumer: what it does about events of this type. */
  handle<Surroundings>(
    run: (payload: Payload, surroundings: Surroundings) => Promise<void> | void
  ): EventHandler<Surroundings>
}

const typeName = /^[a-zA-Z][\w.:-]{0,99}$/
const aggregateName = /^[a-zA-Z][\w-]{0,59}$/
/** PostgreSQL's text takes anything but this. */
const nul = '\u0000'
const maxKeyLength = 1_000

/**
 * Says what an event is.
 *
 * ```ts
 * export const orderPlaced = defineEvent('order.placed', 2, Type.Object({ orderId: Type.String() }), {
 *   key: ({ orderId }) => orderId,
 *   upcasters: { 1: (old: { id: string }) => ({ orderId: old.id }) },
 * })
 * ```
 *
 * @param type stable over releases: events are stored under it
 * @param version of the schema, from 1; the next one whenever older payloads would no longer fit
 * @throws SettingError when a part breaks its rule
 */
export function defineEvent<const Schema extends TSchema> (
  type: string,
  version: number,
  schema: Schema,
  options: EventOptions<Static<Schema>> = {}
): EventType<Static<Schema>> {
  type Payload = Static<Schema>
  if (!typeName.test(type))
    throw new SettingError(
      'event type',
      'letters, digits and . _ : -, beginning with a letter, at most 100',
      type
    )
  if (!(Number.isInteger(version) && version >= 1 && version < 2 ** 31))
    throw new SettingError(`event ${type}: version`, 'a whole number of at least 1', version)
  const { key: keyOf, aggregateType = type.split('.', 1)[0]!, upcasters = {} } = options
  if (!aggregateName.test(aggregateType)) {
    throw new SettingError(
      `event ${type}: aggregateType`,
      'letters, digits, - and _, beginning with a letter, at most 60',
      aggregateType
    )
  }
  const maxBytes = parseBytes(options.maxBytes ?? '256KiB', `event ${type}: maxBytes`)
  const form = new PayloadForm({ type, version, schema, upcasters, maxBytes })

  function newEvent (
    payload: Payload,
    { key, id = uuidv7() }: EmitOptions,
    headers: NewEvent['headers']
  ): NewEvent {
    const text = form.write(payload)
    const ownKey = key ?? keyOf?.(payload)
    if (typeof ownKey !== 'string' || ownKey === '' || ownKey.length > maxKeyLength || ownKey.includes(nul)) {
      const rule = `a text of 1 to ${maxKeyLength.toLocaleString('en')} characters`
      throw new SettingError(`event ${type}: key`, rule, ownKey)
    }
    if (uuidOf(id) !== id) throw new SettingError(`event ${type}: id`, 'a UUID in lower case', id)
    return { id, type, version, aggregateType, key: ownKey, payload: text, headers }
  }

  const event: EventType<Payload> = {
    type,
    version,
    oldest: form.oldest,
    aggregateType,
    async emit (tx, payload, emitOptions = {}) {
      const [written] = await outlets.of(tx).append(tx, [
        newEvent(payload, emitOptions, headersOf(emitOptions.headers)),
      ])
      return written!
    },
    async emitMany (tx, payloads, emitOptions = {}) {
      if (payloads.length === 0) return []
      const headers = headersOf(emitOptions.headers)
      return await outlets.of(tx).append(
        tx,
        payloads.map((payload) => newEvent(payload, emitOptions, headers))
      )
    },
    read: (message) => form.read(message),
    handle: (run) => ({
      event: event as EventType,
      handle: async (message, surroundings) => await run(form.read(message), surroundings),
    }),
  }
  return event
}
