/**
 * A lease has ended before its work: this process was stopped for longer than the lease, or could not reach the
 * database to renew it. Somebody else may do the work by now, so what is left of it here must not take effect.
 */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'LEASE_LOST'
  /** What was held, e.g. `relay.nats.3`. */
  readonly lease: string
  /** The fencing token of the lease that was lost. */
  readonly token: bigint

  constructor (lease: string, token: bigint) {
    super(
      `the lease ${lease} (token ${token}) is lost, and with it the right to go on: this process was paused for ` +
        'longer than the lease, or could not renew it in time'
    )
    this.lease = lease
    this.token = token
  }
}
