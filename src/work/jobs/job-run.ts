import type { Pool } from 'pg'
import type { Transaction } from '../../data/index.ts'
import type { Logger } from '../../telemetry/index.ts'

/** What the program gives to its jobs beside the database, as `app` of {@link JobRun}. Augment it to type it. */
export interface JobApp {
  readonly [name: string]: unknown
}

/** How far a job is: a share from 0 to 1, or an object that JSON can say, e.g. `{ done: 20, of: 100 }`. */
export type JobProgress = number | Readonly<Record<string, unknown>>

/** One run of a job, as its handler sees it. */
export interface JobRun {
  /** A UUID of version 7; the same in every run, so that it can serve as an idempotency key. */
  readonly id: string
  readonly name: string
  /** Which run this is, from 1. Runs that a drain or a snooze ended do not count. */
  readonly attempt: number
  /** Whether a failure of this run is final. */
  readonly isLastAttempt: boolean
  readonly tenant: string | undefined
  /** When it was enqueued, in milliseconds since the epoch. */
  readonly enqueuedAtMs: number
  /** The pool that the queue was opened on. Its statements end with the job's deadline. */
  readonly data: Pool
  /**
   * Aborts when the deadline passes, when the job is cancelled, when its lease is lost, and when the worker must stop
   * now. Pass it to all that is awaited.
   */
  readonly signal: AbortSignal
  readonly logger: Logger
  readonly app: JobApp
  /**
   * Tells how far the job is. It is written with the next heartbeat of the worker, at most once a second, and only for
   * tracked jobs.
   */
  readonly progress: (progress: JobProgress) => void
}

/** A run whose writes commit together with its settlement: exactly once, or not at all. */
export interface TransactionalJobRun extends JobRun {
  readonly tx: Transaction
}
