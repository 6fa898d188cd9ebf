import type { Transaction } from '../../data/index.ts'
import type { Duration } from '../../kernel/index.ts'
import type { EnqueueOptions, JobTicket } from './job-options.ts'
import type { JobStatus } from './job-status.ts'
import type { Job } from './job.ts'
import type { WorkerOptions } from './jobs-options.ts'
import type { Pressure } from './pressure/index.ts'
import type { JobStore } from './store/index.ts'
import type { Tier } from './tier.ts'

/** The open queue of a service: enqueues jobs, tells how they stand, and makes workers that run them. */
export interface Jobs extends AsyncDisposable {
  readonly store: JobStore
  /** Those of the service's jobs. */
  readonly tiers: readonly Tier[]
  /** How they stand, as of the last look, and whether a job would be late. */
  readonly pressure: Pick<Pressure, 'of' | 'check'>
  /** As `job.enqueue`, in this queue whatever the transaction is. */
  enqueue<Input>(tx: Transaction, job: Job<Input>, input: Input, options?: EnqueueOptions): Promise<JobTicket>
  enqueueMany<Input>(
    tx: Transaction,
    job: Job<Input>,
    inputs: readonly Input[],
    options?: EnqueueOptions
  ): Promise<readonly JobTicket[]>
  /** @throws UnknownJobError for a name that is none of the service's jobs */
  job(name: string): Job
  /** How a tracked job stands; `undefined` for one that there is not, that is not tracked, or that was long ago. */
  status(id: string): Promise<JobStatus | undefined>
  /**
   * Waits until the job has ended, or its state or progress differ from `since`.
   *
   * @returns how it stands when the wait is over, for whatever reason; `undefined` as of {@link status}
   */
  waitFor(id: string, options?: WaitOptions): Promise<JobStatus | undefined>
  /** Aborts when this process stops to wait for anything. */
  readonly stopping: AbortSignal
  /**
   * Ends all waits with the status of that moment, and each that begins from now on: this process is about to stop, and
   * those who wait can ask another one.
   */
  stopWaiting(): void
  /**
   * Ends a job that has not begun. One that runs is asked to stop, by its signal. `done` for a tracked one that has ended,
   * in whatever way; `unknown` for one that there is not, or not any more.
   */
  cancel(id: string): Promise<'cancelled' | 'cancelling' | 'done' | 'unknown'>
  /** A worker of this process. It does nothing before it is started. */
  worker(options?: WorkerOptions): JobWorker
  /** Closes its workers first; the pool stays open. */
  close(): Promise<void>
}

export interface WaitOptions {
  /** Ends the wait early, with the status of that moment; it does not throw. */
  readonly signal?: AbortSignal
  /** @default '30s' */
  readonly timeout?: Duration
  /** What the caller knows already: the wait ends at any change to it. @default only the end of the job counts */
  readonly since?: Pick<JobStatus, 'state' | 'changedAt'>
}

/** Runs jobs of this process. */
export interface JobWorker {
  /** Jobs that run now. */
  readonly running: number
  start(): Promise<void>
  /**
   * Takes no more jobs, gives those back that have not begun, and waits for those that run. After `graceMs` their
   * signals abort; those that do not end on that within a second are left to their lease.
   */
  drain(graceMs: number): Promise<void>
  /** A drain without grace. */
  close(): Promise<void>
}
