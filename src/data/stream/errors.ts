/** A query cannot be streamed as it is. A mistake of the code that asked, not of its caller. */
export class StreamQueryError extends Error {
  override readonly name = 'StreamQueryError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'STREAM_QUERY_INVALID'
}

/** The database ended a stream before its last row: what has been read is not all there is. */
export class StreamBrokenError extends Error {
  override readonly name = 'StreamBrokenError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'STREAM_BROKEN'

  constructor (cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super(`the stream ended before its last row: ${why}`, { cause })
  }
}
