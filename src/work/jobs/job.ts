import type { Transaction } from '../../data/index.ts'
import type { EnqueueOptions, JobTicket, UniqueKey } from './job-options.ts'
import type { JobPolicy } from './job-policy.ts'
import type { JobRun, TransactionalJobRun } from './job-run.ts'

/** A kind of work that is queued now and done later. */
export interface Job<Input = unknown, Output = unknown> {
  readonly name: string
  readonly policy: JobPolicy
  /**
   * Puts a job into the queue as a part of the caller's transaction: it is there once that commits, and never was when
   * it is rolled back.
   *
   * @param tx of the service's database: that of `transaction()`, a client of `pg` inside a transaction, or a pool,
   *   for a transaction of its own; anything with the `query` of `pg`
   * @throws JobPayloadError, JobPayloadTooLargeError, UnknownJobError, JobsNotOpenError, SettingError; TierOverloadedError
   *   when its tier breaks its promise: see `whenLate`
   */
  enqueue(tx: Transaction, input: Input, options?: EnqueueOptions): Promise<JobTicket>
  /** Puts many into the queue with few statements; the answer is in the order of `inputs`. See {@link enqueue}. */
  enqueueMany(
    tx: Transaction,
    inputs: readonly Input[],
    options?: EnqueueOptions
  ): Promise<readonly JobTicket[]>
  /** What `run` of its options does, without any queue: for tests. */
  perform(input: Input, run: JobRun | TransactionalJobRun): Promise<Output>
  /** The payload as it is stored. @throws JobPayloadError, JobPayloadTooLargeError */
  write(input: Input): string
  /** @throws JobPayloadUnreadableError */
  read(payload: string): Input
  /** @returns `undefined` for a result that is `undefined` itself. @throws JobPayloadError, JobPayloadTooLargeError */
  writeResult(output: Output): string | undefined
  uniqueOf(input: Input): UniqueKey | undefined
}
