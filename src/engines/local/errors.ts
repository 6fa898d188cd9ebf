/** A value that the local engine cannot keep or count with. A mistake in the caller's code. */
export class LocalValueError extends Error {
  override readonly name = 'LocalValueError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'LOCAL_VALUE'
  readonly key: string
  /** To follow the key's name, e.g. `is not a number`. */
  readonly reason: string

  /** @param reason what is wrong with the value of `key`, and what to do */
  constructor (key: string, reason: string) {
    super(`local value ${JSON.stringify(key)} ${reason}`)
    this.key = key
    this.reason = reason
  }
}
