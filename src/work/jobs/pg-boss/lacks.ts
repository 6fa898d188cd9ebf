/** What the PostgreSQL store of Plimsoll promises and pg-boss does not. */
export type PgBossLack = 'fairness' | 'caps' | 'names' | 'suspects'

/**
 * - `fairness`: pg-boss hands out jobs by priority, then by age, whosever they are; tenants and weights are kept, not heeded.
 *   Jobs of one call that several claims take are in no order among themselves
 * - `caps`: its group limits leave worker slots idle and can be exceeded; a job with a cap is refused
 * - `names`: a claim cannot pass jobs over by name; workers put back what they do not know
 * - `suspects`: of a batch whose process was lost in their last attempt, every job is dead, not only the one that ran
 */
export const pgBossLacks: readonly PgBossLack[] = ['fairness', 'caps', 'names', 'suspects']

/** Something was asked of the pg-boss store that it cannot do. */
export class JobStoreLackError extends Error {
  override readonly name = 'JobStoreLackError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'JOB_STORE_LACKS'
  readonly lack: PgBossLack

  constructor (lack: PgBossLack, what: string) {
    super(`pg-boss has no ${lack}: ${what}; use the PostgreSQL store for that`)
    this.lack = lack
  }
}
