/** The database has no outbox that can be looked at. */
export class NoOutboxError extends Error {
  override readonly name = 'NoOutboxError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'NO_OUTBOX'

  constructor (schema: string, why: 'missing' | 'copy' | 'standby') {
    super(
      why === 'missing' ?
        `the database has no outbox in the schema "${schema}": start the service once, or say --schema or --database-url` :
        why === 'standby' ?
        'the database is a standby: the log of events is read on the primary; say its --database-url' :
        'the database is a copy of another one, and no process of the service has come to it yet: start the service once, ' +
        'which begins the next epoch of its log'
    )
  }
}

/** Nobody of this name reads events. */
export class NoSuchReaderError extends Error {
  override readonly name = 'NoSuchReaderError'
  readonly code = 'NO_SUCH_READER'
  readonly kind: 'relay' | 'consumer' | 'projection'
  readonly reader: string
  readonly known: readonly string[]

  /** @param asked who should know it: the service's definitions, or the database, in which a reader that ran is noted */
  constructor (
    kind: NoSuchReaderError['kind'],
    reader: string,
    known: readonly string[],
    asked: 'service' | 'database'
  ) {
    const [what, where] = asked === 'service' ?
      ['the service has', 'it has'] :
      ['the database knows of', 'of those that have run it knows']
    super(`${what} no ${kind} "${reader}"; ${where} ${known.length === 0 ? 'none' : known.join(', ')}`)
    this.kind = kind
    this.reader = reader
    this.known = known
  }
}

/** An event is nowhere: neither in the log, nor set aside by a relay or a consumer. */
export class EventNotFoundError extends Error {
  override readonly name = 'EventNotFoundError'
  readonly code = 'EVENT_NOT_FOUND'
  readonly id: string

  constructor (id: string) {
    super(
      `there is no event ${id}: it was never committed, or the log has dropped it and nobody has set it aside`
    )
    this.id = id
  }
}

/** A place that the log has not reached: a replay from there would leave out what comes until then. */
export class PositionAheadError extends Error {
  override readonly name = 'PositionAheadError'
  readonly code = 'POSITION_AHEAD'

  constructor (position: string, head: string) {
    super(
      `the log has not reached ${position}: it can be read up to ${head}; replay from an earlier place, or from beginning`
    )
  }
}
