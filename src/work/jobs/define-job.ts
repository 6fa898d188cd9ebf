import { type Static, type TSchema, type TUnknown, Unknown } from 'typebox'
import type { Transaction } from '../../data/index.ts'
import { parseDuration, SettingError } from '../../kernel/index.ts'
import { deskOf } from './desk-binding.ts'
import type { EnqueueOptions, JobOptions, JobTicket, UniqueKey } from './job-options.ts'
import { jobName, type JobPolicy, resolvePolicy } from './job-policy.ts'
import type { JobRun, TransactionalJobRun } from './job-run.ts'
import { PayloadForm } from './payload.ts'

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

/**
 * Says what a job is. It is run by the workers of a service that lists it in its jobs.
 *
 * ```ts
 * export const chargeOrder = defineJob('order.charge', {
 *   input: Type.Object({ orderId: Type.String() }),
 *   tier: 'within-5s',
 *   async run ({ orderId }, { data, signal }) { ... },
 * })
 * ```
 *
 * @param name stable over releases: jobs are stored under it
 * @throws SettingError when a part breaks its rule
 */
export function defineJob<
  const Input extends TSchema,
  const Output extends TSchema = TUnknown,
  const InTransaction extends boolean = false,
> (
  name: string,
  options: JobOptions<Input, Output, InTransaction>
): Job<Static<Input>, Static<Output>> {
  if (!jobName.test(name))
    throw new SettingError(
      'job name',
      'letters, digits and . _ : -, beginning with a letter, at most 100',
      name
    )
  if (typeof options.run !== 'function') throw new SettingError(`job ${name}: run`, 'a function', options.run)
  const { run, unique } = options
  const policy = resolvePolicy(name, options)
  const payloads = new PayloadForm(name, options.input, policy.maxBytes)
  const results = new PayloadForm(`${name} (result)`, options.output ?? Unknown(), policy.maxBytes)
  const job: Job<Static<Input>, Static<Output>> = {
    name,
    policy,
    async enqueue (tx, input, enqueueOptions) {
      const [ticket] = await deskOf(tx).enqueueMany(tx, job, [input], enqueueOptions)
      return ticket!
    },
    enqueueMany: async (tx, inputs, enqueueOptions) =>
      deskOf(tx).enqueueMany(tx, job, inputs, enqueueOptions),
    perform: (input, how) => run(input, how as Parameters<typeof run>[1]),
    write: (input) => payloads.write(input),
    read: (payload) => payloads.read(payload),
    writeResult: (output) => output === undefined ? undefined : results.write(output),
    uniqueOf (input) {
      const given = unique?.(input)
      return given === undefined ? undefined : checkUnique(given, `job ${name}: unique`)
    },
  }
  return job
}

/** @throws SettingError for a key that is empty or longer than 200, or a window of less than 1 ms */
export function checkUnique (given: string | UniqueKey, setting: string): UniqueKey {
  const unique = typeof given === 'string' ? { key: given } : given
  if (typeof unique.key !== 'string' || unique.key === '' || unique.key.length > 200)
    throw new SettingError(setting, 'a key of 1 to 200 characters', unique.key)
  if (unique.for !== undefined && !(parseDuration(unique.for, `${setting}.for`) >= 1))
    throw new SettingError(`${setting}.for`, 'at least 1 ms', unique.for)
  return unique
}
