/** There is no file of that name (any more). */
export class FileMissingError extends Error {
  override readonly name = 'FileMissingError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'FILE_MISSING'
  readonly file: string

  constructor (file: string, cause?: unknown) {
    super(`there is no file ${file}; it was deleted, has expired, or lies in another store`, { cause })
    this.file = file
  }
}

/**
 * The store could not be reached, or refuses. What was asked of it may or may not have happened; it can be
 * repeated.
 */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'FILE_STORE_UNAVAILABLE'
  /** The store's own word for what is wrong, e.g. `SlowDown` or `ENOSPC`; undefined where it gave none. */
  readonly reason: string | undefined

  constructor (task: string, reason: string | undefined, cause?: unknown) {
    super(
      `the file store could not ${task}${reason === undefined ? '' : `: ${reason}`}; ` +
        'check that it can be reached, has room, and lets these credentials do so',
      { cause }
    )
    this.reason = reason
  }
}
