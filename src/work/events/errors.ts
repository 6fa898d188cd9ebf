import { formatBytes } from '../../kernel/index.ts'

/** A payload does not fit the schema of its event. Nothing was written; roll the transaction back. */
export class EventPayloadError extends Error {
  override readonly name = 'EventPayloadError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'EVENT_PAYLOAD_INVALID'
  readonly type: string
  /** What does not fit, e.g. `/orderId must be string`. */
  readonly faults: readonly string[]

  constructor (type: string, faults: readonly string[]) {
    super(`the payload of ${type} does not fit its schema: ${faults.join('; ')}`)
    this.type = type
    this.faults = faults
  }
}

/** A payload is larger than an event should be, and than many brokers take. Nothing was written. */
export class EventTooLargeError extends Error {
  override readonly name = 'EventTooLargeError'
  readonly code = 'EVENT_TOO_LARGE'
  readonly type: string
  readonly bytes: number
  readonly limit: number

  constructor (type: string, bytes: number, limit: number) {
    super(
      `the payload of ${type} has ${formatBytes(bytes)} and at most ${
        formatBytes(limit)
      } are taken: keep the data ` +
        'in a table and emit its id, or raise maxBytes of the event (and what your broker takes)'
    )
    this.type = type
    this.bytes = bytes
    this.limit = limit
  }
}

/** A message has a version for which this release has neither a schema nor an upcaster. */
export class EventVersionError extends Error {
  override readonly name = 'EventVersionError'
  readonly code = 'EVENT_VERSION_UNKNOWN'
  readonly type: string
  readonly id: string
  readonly version: number
  /** The versions that are read. */
  readonly oldest: number
  readonly newest: number
  /** A newer version comes from a newer release: once that runs here too, the message can be read. */
  readonly retryable: boolean

  constructor (message: { type: string; id: string; version: number }, oldest: number, newest: number) {
    const { type, id, version } = message
    super(
      `event ${id} is ${type} in version ${version}, and versions ${oldest} to ${newest} are read here: ` +
        (version > newest ?
          'deploy readers before those who emit a new version' :
          `add an upcaster from version ${version}`)
    )
    this.type = type
    this.id = id
    this.version = version
    this.oldest = oldest
    this.newest = newest
    this.retryable = version > newest
  }
}

/** A message whose payload cannot be read, now or later. */
export class EventUnreadableError extends Error {
  override readonly name = 'EventUnreadableError'
  readonly code = 'EVENT_UNREADABLE'
  readonly retryable = false
  readonly type: string
  readonly id: string
  readonly version: number
  /** It is no JSON, an upcaster threw, or what it became does not fit the schema. */
  readonly reason: 'json' | 'upcaster' | 'schema'

  constructor (
    message: { type: string; id: string; version: number },
    reason: 'json' | 'upcaster' | 'schema',
    detail: string,
    cause?: unknown
  ) {
    const { type, id, version } = message
    super(`event ${id} (${type}, version ${version}) cannot be read: ${detail}`, { cause })
    this.type = type
    this.id = id
    this.version = version
    this.reason = reason
  }
}

/** An event is emitted in a process in which no outbox is open, or several are and the transaction does not tell which. */
export class EventsNotOpenError extends Error {
  override readonly name = 'EventsNotOpenError'
  readonly code = 'EVENTS_NOT_OPEN'

  constructor (open: number) {
    super(
      open === 0 ?
        'no outbox is open in this process: list the event in the events of the service, or await ' +
        'openOutbox({ pool }) first' :
        `${open} outboxes are open in this process, and the transaction is of none of their pools: begin it with ` +
        'transaction(pool, ...)'
    )
  }
}
