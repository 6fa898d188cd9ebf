import { formatBytes } from '../../kernel/index.ts'

/** A payload does not fit the schema of its job. Nothing was enqueued; roll the transaction back. */
export class JobPayloadError extends Error {
  override readonly name = 'JobPayloadError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'JOB_PAYLOAD_INVALID'
  readonly job: string
  /** What does not fit, e.g. `/orderId must be string`. */
  readonly faults: readonly string[]

  constructor (job: string, faults: readonly string[]) {
    super(`the payload of job ${job} does not fit its schema: ${faults.join('; ')}`)
    this.job = job
    this.faults = faults
  }
}

/** A payload is larger than a queue should carry. Nothing was enqueued. */
export class JobPayloadTooLargeError extends Error {
  override readonly name = 'JobPayloadTooLargeError'
  readonly code = 'JOB_PAYLOAD_TOO_LARGE'
  readonly job: string
  readonly bytes: number
  readonly limit: number

  constructor (job: string, bytes: number, limit: number) {
    super(
      `the payload of job ${job} has ${formatBytes(bytes)} and at most ${formatBytes(limit)} are taken: ` +
        'keep the data in a table and enqueue its id, or raise maxBytes of the job'
    )
    this.job = job
    this.bytes = bytes
    this.limit = limit
  }
}

/** A job is enqueued, or asked for, that the service did not declare. */
export class UnknownJobError extends Error {
  override readonly name = 'UnknownJobError'
  readonly code = 'JOB_UNKNOWN'
  readonly job: string

  constructor (job: string) {
    super(`there is no job ${job} in this service: add it to its jobs, so that a worker can run it`)
    this.job = job
  }
}

/** A job is enqueued in a process in which no queue is open, or several are and the transaction does not tell which. */
export class JobsNotOpenError extends Error {
  override readonly name = 'JobsNotOpenError'
  readonly code = 'JOBS_NOT_OPEN'

  constructor (open: number) {
    super(
      open === 0 ?
        'no queue of jobs is open in this process: list the job in the jobs of the service, or await ' +
        'openJobs({ pool, jobs }) first' :
        `${open} queues of jobs are open in this process, and the transaction is of none of their pools: use ` +
        'jobs.enqueue(tx, job, input) of the one that is meant'
    )
  }
}

/** The lease of a job went to another worker: what this run writes in its own transaction is rolled back. */
export class JobLeaseLostError extends Error {
  override readonly name = 'JobLeaseLostError'
  readonly code = 'JOB_LEASE_LOST'

  constructor (id: string) {
    super(
      `the lease of job ${id} went to another worker: this process was paused, or could not reach the database, for ` +
        'longer than the lease'
    )
  }
}

/** Somebody has cancelled the job while it ran. */
export class JobCancelledError extends Error {
  override readonly name = 'JobCancelledError'
  readonly code = 'JOB_CANCELLED'

  constructor (id: string) {
    super(`job ${id} was cancelled`)
  }
}

/** The worker stops, and the job did not end within the time that was left: it goes back, and no attempt is counted. */
export class WorkerDrainedError extends Error {
  override readonly name = 'WorkerDrainedError'
  readonly code = 'JOB_WORKER_DRAINED'

  constructor () {
    super('the worker stops; the job goes back to its queue')
  }
}

/** A run went on after its deadline although its signal had aborted. */
export class JobOverrunError extends Error {
  override readonly name = 'JobOverrunError'
  readonly code = 'JOB_OVERRUN'

  constructor (name: string, deadlineMs: number, graceMs: number) {
    super(
      `job ${name} still ran ${graceMs} ms after its deadline of ${deadlineMs} ms, so it was given up: pass its signal ` +
        'to all that it awaits, or give it a longer deadline'
    )
  }
}

/** What was stored cannot be read by this release of the job: its schema has changed since. */
export class JobPayloadUnreadableError extends Error {
  override readonly name = 'JobPayloadUnreadableError'
  readonly code = 'JOB_PAYLOAD_UNREADABLE'

  constructor (job: string, faults: readonly string[]) {
    super(
      `a payload of job ${job} was written by another release and does not fit the schema of this one: ` +
        `${faults.join('; ')}; let schemas only grow, with optional members`
    )
  }
}
