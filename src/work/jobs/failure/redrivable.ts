/**
 * What a store of jobs owes those who redrive its dead letters, beside `enqueue`. A redriven job keeps its id, so
 * `enqueue` takes ids that it has seen: a receipt that is there goes back to `waiting`, one that was dropped does not
 * matter.
 */
export interface RedrivableStore {
  /**
   * Which of these jobs are still its: waiting, under a lease, held, or not due yet. One that is not in it has ended: as a
   * dead letter, if it is one by the time of the next look, and else well.
   */
  queued(ids: readonly string[]): Promise<ReadonlySet<string>>
}

/** What a job that is enqueued again says beside a new one. */
export interface RedrivenJob {
  /** Runs that count already, from 0 up to below `attempts`: with one less than `attempts` it has one try. @default 0 */
  readonly attempt?: number | undefined
}
