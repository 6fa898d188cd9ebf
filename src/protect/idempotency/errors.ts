import { formatBytes } from '../../kernel/index.ts'

/**
 * The lease of an idempotency key went to another request: this one took longer than it was allowed to, or
 * could not renew it. What it wrote in its transaction was rolled back.
 */
export class IdempotencyLeaseLostError extends Error {
  override readonly name = 'IdempotencyLeaseLostError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'IDEMPOTENCY_LEASE_LOST'
  /** The fencing token of the lease that was lost. */
  readonly token: bigint

  constructor (token: bigint) {
    super(
      `the lease ${token} of this request's idempotency key went to another request, so this one must not ` +
        'take effect: give the route a deadline, or raise idempotency.lease above the longest pause of the worker'
    )
    this.token = token
  }
}

/** The answer of a transaction cannot be kept, so the transaction was rolled back: nothing took effect. */
export class IdempotencyAnswerTooLargeError extends Error {
  override readonly name = 'IdempotencyAnswerTooLargeError'
  readonly code = 'IDEMPOTENCY_ANSWER_TOO_LARGE'
  readonly bytes: number
  readonly limit: number

  constructor (bytes: number, limit: number) {
    super(
      `the answer has ${formatBytes(bytes)} and at most ${
        formatBytes(limit)
      } are kept for replays: answer with ` +
        'a Location instead of the whole, or raise maxBodyBytes; the transaction was rolled back'
    )
    this.bytes = bytes
    this.limit = limit
  }
}
