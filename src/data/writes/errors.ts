/** A write came after `close()`: a mistake in the order in which parts are closed. */
export class WriteBehindClosedError extends Error {
  override readonly name = 'WriteBehindClosedError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'WRITE_BEHIND_CLOSED'

  /** @param buffer the name of the buffer */
  constructor (buffer: string) {
    super(`the write-behind buffer "${buffer}" is closed: close it after whoever writes to it`)
  }
}

/** Writes that were kept in memory only could not be applied before the end of `close()`. */
export class WritesLostError extends Error {
  override readonly name = 'WritesLostError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'WRITES_LOST'
  /** Keys whose writes are lost. */
  readonly lost: number

  /** @param buffer the name of the buffer */
  constructor (buffer: string, lost: number, cause: unknown) {
    super(
      `${lost} keys of the write-behind buffer "${buffer}" were not applied before its process had to end; for writes that ` +
        'must not be lost, use the durability "log"',
      { cause }
    )
    this.lost = lost
  }
}
