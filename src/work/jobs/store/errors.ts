/** A unique key was given up and taken again each time that an enqueue looked. */
export class JobKeyContendedError extends Error {
  override readonly name = 'JobKeyContendedError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'JOB_KEY_CONTENDED'
  /** Names of the jobs whose keys they were. */
  readonly jobs: readonly string[]

  constructor (jobs: readonly string[]) {
    super(
      `unique keys of ${
        jobs.join(', ')
      } were given up and taken again whenever this transaction looked: try the ` +
        "transaction again; under 'repeatable read' and 'serializable' it must be a new one"
    )
    this.jobs = jobs
  }
}
