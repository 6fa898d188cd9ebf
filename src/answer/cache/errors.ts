/** A purge could not be told to the fleet. It has been applied in this process; try it again. */
export class CachePurgeError extends Error {
  override readonly name = 'CachePurgeError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'CACHE_PURGE_FAILED'
  readonly tags: readonly string[]

  constructor (tags: readonly string[], cause?: unknown) {
    super(
      `the purge of ${tags.length} tags was surely applied in this process only, because the shared cache does not answer; try it again`,
      cause === undefined ? undefined : { cause }
    )
    this.tags = tags
  }
}
