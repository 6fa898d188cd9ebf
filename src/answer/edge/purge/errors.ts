/**
 * Why a purge was not accepted: too many calls for now; the edge does not answer or fails; or it refuses the call,
 * which a person has to look at (a token, a service's name).
 */
export type PurgeFailure = 'limited' | 'unavailable' | 'refused'

/** An edge did not accept a purge. It holds no secret: neither headers of the call nor its URL. */
export class EdgePurgeError extends Error {
  override readonly name = 'EdgePurgeError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'EDGE_PURGE_FAILED'
  readonly purger: string
  readonly failure: PurgeFailure
  /** The edge's answer; undefined when there was none. */
  readonly status: number | undefined
  /** How long the edge asked to wait, in milliseconds; undefined when it did not. */
  readonly retryAfterMs: number | undefined

  constructor (
    purger: string,
    failure: PurgeFailure,
    { detail, status, retryAfterMs }: {
      readonly detail: string
      readonly status?: number | undefined
      readonly retryAfterMs?: number | undefined
    }
  ) {
    super(`${purger} did not accept a purge (${failure}): ${detail}`)
    this.purger = purger
    this.failure = failure
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}
