/** A consumer of a source that hands out nothing again cannot be replayed. */
export class ReplayUnsupportedError extends Error {
  override readonly name = 'ReplayUnsupportedError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'REPLAY_UNSUPPORTED'
  readonly consumer: string
  readonly source: string

  constructor (consumer: string, source: string) {
    super(
      `the consumer ${consumer} cannot be replayed: its source, ${source}, hands out nothing again; use the log as its ` +
        'source, or have the events emitted again'
    )
    this.consumer = consumer
    this.source = source
  }
}

/** The consumer has been replayed from elsewhere: what was read under its old number is read anew. Handled inside. */
export class ReplayedError extends Error {
  override readonly name = 'ReplayedError'
  readonly code = 'CONSUMER_REPLAYED'

  constructor (consumer: string) {
    super(`the consumer ${consumer} is being replayed; its messages come again`)
  }
}

/** The stream was given back an event, or somebody else has moved its place: it must be opened anew. */
export class LogStreamEndedError extends Error {
  override readonly name = 'LogStreamEndedError'
  readonly code = 'LOG_STREAM_ENDED'
}
