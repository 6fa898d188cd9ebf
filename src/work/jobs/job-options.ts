import type { Static, TSchema } from 'typebox'
import type { Duration } from '../../kernel/index.ts'
import type { JobRun, TransactionalJobRun } from './job-run.ts'
import type { Tier } from './tier.ts'

/** When a failed run is followed by another one. */
export interface RetryOptions {
  /** Runs at most, the first included; 1 to 1,000. 1 for what must never run twice. @default 10 */
  readonly attempts?: number
  /** Upper end of the first wait; it doubles with each further one, with full jitter. @default '1s' */
  readonly base?: Duration
  /** No wait is longer, but what an error asks for itself. @default '10m' */
  readonly cap?: Duration
}

/** Of jobs with one key only one is in the queue. */
export interface UniqueKey {
  readonly key: string
  /** How long after it was enqueued the key stays taken, whatever becomes of the job. @default until it has ended */
  readonly for?: Duration
}

/** What a job is. */
export interface JobOptions<
  Input extends TSchema,
  Output extends TSchema,
  InTransaction extends boolean,
> {
  /** Of the payload. Checked when a job is enqueued, and again when it runs. */
  readonly input: Input
  /** Of what `run` returns, which tracked jobs keep as their result. @default anything that JSON can say */
  readonly output?: Output
  /** @default 'within-1m' */
  readonly tier?: Tier
  readonly retry?: RetryOptions
  /** Of one run; after it its signal aborts and the run has failed. @default '5m' */
  readonly deadline?: Duration | 'none'
  /** A job that has not begun so long after it was due is not run any more. @default never */
  readonly expires?: Duration
  /** -8 to 7; higher begins first within a tier, before fairness. @default 0 */
  readonly priority?: number
  /** Makes a key of the payload. @default jobs are not unique */
  readonly unique?: (input: Static<Input>) => string | UniqueKey
  /** How many jobs of one tenant run at once in the job's tier, over the whole fleet; at least 1. @default no limit */
  readonly cap?: number
  /** Whether `run` gets a transaction that commits together with the settlement of the job. @default false */
  readonly transactional?: InTransaction
  /** Whether state, progress and result can be asked for by id. @default false */
  readonly tracked?: boolean
  /** The largest payload, in bytes of JSON; 1 to 16,777,216. @default 65,536 */
  readonly maxBytes?: number
  /** Does the work. What it throws decides whether it is tried again: see RetryLater, NeverRetry and Snooze. */
  readonly run: (
    input: Static<Input>,
    run: InTransaction extends true ? TransactionalJobRun : JobRun
  ) => Promise<Static<Output>>
}

/** What one job, or several enqueued together, have of their own. */
export interface EnqueueOptions {
  /** From now. @default at once */
  readonly delay?: Duration
  /** Instead of `delay`: a moment. One that has passed is now. */
  readonly runAt?: Date
  /** @default the tenant of the current context, or none */
  readonly tenant?: string
  /** @default the job's */
  readonly priority?: number
  /** Instead of the job's. */
  readonly unique?: string | UniqueKey
  /** @default the job's */
  readonly expires?: Duration
  /** @default the job's */
  readonly attempts?: number
  /** @default the job's */
  readonly tracked?: boolean
  /**
   * What to do when the tier breaks its promise. @default 'refuse' in a request, with a TierOverloadedError that says when
   * to come back; 'accept' in jobs and other background work, and outside of any context
   */
  readonly whenLate?: 'refuse' | 'accept'
}

/** What became of an enqueued job. */
export interface JobTicket {
  /** Of the job; of the one that was there already, where it is a duplicate. */
  readonly id: string
  /** Whether a job with its unique key was there already, so that none was enqueued. */
  readonly duplicate: boolean
}
