import type { Transaction } from '../../../data/index.ts'
import type { CarriedContext } from '../../../kernel/index.ts'
import type { JobFailure, RedrivableStore, RedrivenJob } from '../failure/index.ts'

export type { JobFailure } from '../failure/index.ts'

/** A job as it is written beside the caller's rows. */
export interface NewJob {
  /** A UUID of version 7. */
  readonly id: string
  /** Which kind of job it is, e.g. `order.charge`. */
  readonly name: string
  /** The queue it waits in, named by the wait it promises, e.g. `within-1m`. */
  readonly tier: string
  /** Whose share of the tier it uses; '' where nobody's in particular. Fairness is between tenants. */
  readonly tenant: string
  /** The tenant's share relative to the others', from 0.001 to 1,000. */
  readonly weight: number
  /** From -8 to 7, higher first, whosever it is: tenants share fairly among jobs of one priority. */
  readonly priority: number
  /** JSON. */
  readonly payload: string
  /** The epoch time, in milliseconds, before which it does not start. @default at once */
  readonly runAtMs?: number | undefined
  /** The epoch time, in milliseconds, after which it is not worth starting any more. @default never */
  readonly expiresAtMs?: number | undefined
  /** How often it runs at most; at least 1. */
  readonly attempts: number
  /**
   * Of all jobs of this name with this key, only the first is kept: until it is done (or dead, cancelled, expired),
   * or, with `untilMs`, up to that epoch time, whatever becomes of it.
   */
  readonly unique?: { readonly key: string; readonly untilMs?: number | undefined } | undefined
  /** How many jobs of its tenant may run at once in this tier, over the fleet; at least 1. @default no limit */
  readonly cap?: number | undefined
  /** Whether it keeps a receipt: {@link JobStore.receipt}. */
  readonly tracked: boolean
  /** What its run carries on: trace, tenant, criticality. */
  readonly context: CarriedContext
}

/** What became of one enqueued job. */
export interface Enqueued {
  /** That of the new job. */
  readonly id: string
  /** The job that has its unique key; the new one was not written. */
  readonly duplicateOf?: string
}

/** Which jobs to take. */
export interface ClaimRequest {
  readonly tier: string
  /** Only jobs of these names. Others that wait ahead are passed over, and looked at again by each claim. */
  readonly names?: readonly string[] | undefined
  /** How many at most; at least 1. */
  readonly limit: number
  /**
   * How many of them will be started at once. A job that was lost with its process is only handed out to be started
   * at once, so that one that kills its process takes few others along. @default `limit`
   */
  readonly starting?: number | undefined
  /** How long the batch is ours without a renewal, in milliseconds, by the store's clock. */
  readonly leaseMs: number
}

/** A job that is ours to run, as long as its batch's lease holds. */
export interface ClaimedJob extends NewJob {
  /** Which run this is, from 1. */
  readonly attempt: number
  /** When it was first enqueued: epoch milliseconds by the store's clock. */
  readonly enqueuedAtMs: number
  /** How long it waited since it was due, in milliseconds, by the store's clock. */
  readonly waitedMs: number
}

/** Jobs under one lease. */
export interface ClaimedBatch {
  /** The fencing token: unique, and higher than that of any earlier claim of these jobs. */
  readonly token: bigint
  /** In the order in which they should start; at least one. */
  readonly jobs: readonly ClaimedJob[]
}

/** How a run ended. `atMs` are epoch times in milliseconds. */
export type JobOutcome =
  | {
    readonly id: string
    readonly kind: 'done' /** JSON, for the receipt. */
    readonly result?: string | undefined
  }
  /** It runs again, if it has attempts left: whether it has is the caller's to know. */
  | { readonly id: string; readonly kind: 'retry'; readonly atMs: number; readonly error: JobFailure }
  | { readonly id: string; readonly kind: 'dead'; readonly error: JobFailure }
  | { readonly id: string; readonly kind: 'cancelled' }
  /** Not worth running any more. */
  | { readonly id: string; readonly kind: 'expired' }
  /** It runs again, and this run does not count as an attempt. */
  | { readonly id: string; readonly kind: 'snooze'; readonly atMs: number }

/** What a renewal found. */
export interface Renewed {
  /** Tokens whose leases are gone: their jobs are somebody else's by now. */
  readonly lost: readonly bigint[]
  /** Jobs under leases that hold, whose cancellation somebody has asked for. */
  readonly cancelling: readonly string[]
}

/** What one round of upkeep did. */
export interface Upkeep {
  /** Jobs of lapsed leases that wait again. */
  readonly recovered: number
  /** Jobs of lapsed leases that had no attempts left, or no receipt of life: dead letters now. */
  readonly died: number
  /** Later jobs that became due. */
  readonly promoted: number
  /** Jobs of capped tenants that were let into their queue. */
  readonly admitted: number
  /** Whether there is more to do at once. */
  readonly more: boolean
}

export type JobState = 'waiting' | 'running' | 'cancelling' | 'done' | 'dead' | 'cancelled' | 'expired'

/** What is known of a tracked job, until it is forgotten some days after it has ended. */
export interface JobReceipt {
  readonly id: string
  readonly name: string
  readonly tier: string
  readonly tenant: string
  readonly state: JobState
  /** How many runs have begun. */
  readonly attempt: number
  /** JSON: what the job last said of its progress. */
  readonly progress?: string
  /** JSON: what it returned. */
  readonly result?: string
  /** Why it is dead, or why its last run failed. */
  readonly error?: JobFailure
  readonly enqueuedAtMs: number
  readonly changedAtMs: number
}

/** How one tier stands. */
export interface TierState {
  readonly tier: string
  /** Jobs that are due and wait: exact to 10,000, an estimate above. */
  readonly depth: number
  readonly depthIsExact: boolean
  /** How long the oldest of them has waited since it was due, in milliseconds; 0 where none waits. */
  readonly oldestMs: number
  readonly running: number
  /** Not due yet: delayed jobs and those that wait for another attempt. Counted to 10,000. */
  readonly later: number
  /** Due, but over their tenant's cap. Counted to 10,000. */
  readonly held: number
  /** Dead letters. Counted to 10,000. */
  readonly dead: number
  /**
   * What kinds of jobs are at the front of what waits. Of those that no worker takes, since its release does not know
   * them, all are there sooner or later, since the others are taken from between them. @default not known
   */
  readonly front?: readonly WaitingKind[]
}

/** Jobs of one name that wait. */
export interface WaitingKind {
  readonly name: string
  /** How many; counted among the first 1,000 of each priority. */
  readonly jobs: number
  /** How long the oldest of them has waited since it was due, in milliseconds. */
  readonly oldestMs: number
}

/**
 * Where jobs wait, and who runs them. No job is lost, and none is run by two at the same time, as long as a holder
 * stops when its lease is lost: through kill -9, restarts of the database, and commits whose answer never came.
 * A job runs at least once; with {@link JobStore.settleIn} its effects in the database happen exactly once.
 *
 * On purpose there is no way to look at a job that waits and take it later, and none to wait for a job: the first
 * would be stale, the second is a receipt's.
 */
export interface JobStore extends RedrivableStore, AsyncDisposable {
  readonly name: 'postgres' | 'pg-boss'
  /** Makes what is missing. Once, before anything else. */
  prepare(): Promise<void>
  /**
   * Writes jobs in the caller's transaction: they are there if and only if it commits. It takes no lock that another
   * transaction waits for, but for unique keys: who enqueues a key that an open transaction has just enqueued, waits
   * for its end.
   *
   * @returns for each job, in order, what became of it
   */
  enqueue(tx: Transaction, jobs: readonly (NewJob & RedrivenJob)[]): Promise<readonly Enqueued[]>
  /** Takes the next jobs of a tier: `undefined` where none is due. */
  claim(request: ClaimRequest): Promise<ClaimedBatch | undefined>
  /** Prolongs leases to `leaseMs` from now, in one statement. */
  renew(tokens: readonly bigint[], leaseMs: number): Promise<Renewed>
  /**
   * Writes how runs of one batch ended. May be called for parts of a batch, each job once. When the last of a batch is
   * settled, so is its lease. A call whose answer was lost may be repeated: within its lease, nothing happens twice.
   *
   * @returns ids that were no longer ours; nothing was written for them
   */
  settle(token: bigint, outcomes: readonly JobOutcome[]): Promise<readonly string[]>
  /**
   * As `settle`, in the transaction of the job's own writes: both happen, or neither.
   *
   * @returns whether the job was still ours; if not, the caller must roll back
   */
  settleIn(tx: Transaction, token: bigint, outcome: JobOutcome): Promise<boolean>
  /** Puts what is not settled of a batch back at once, as if it had never been claimed. For jobs that were not started. */
  giveBack(token: bigint, ids?: readonly string[]): Promise<void>
  /**
   * Puts jobs of lapsed leases back (a run that counts; those without attempts left become dead letters), lets in jobs
   * that are due, drops what has expired. Any process may call it at any time, as often as it likes; a few times a
   * second, by any one of them, is enough.
   */
  upkeep(): Promise<Upkeep>
  /** What is known of a tracked job; `undefined` for one that is not tracked, forgotten, or was never committed. */
  receipt(id: string): Promise<JobReceipt | undefined>
  /** As `receipt`, of many at once: those that there are, in no order. */
  receipts(ids: readonly string[]): Promise<readonly JobReceipt[]>
  /** Notes progress of a tracked job that is ours: JSON of at most a few kilobytes. Answers whether it still is. */
  progress(token: bigint, id: string, progress: string): Promise<boolean>
  /**
   * Ends a job that waits, and asks one that runs to stop: its holder hears of it by its next renewal.
   * `unknown` for one that is not there any more, and for one that was never committed.
   */
  cancel(id: string): Promise<'cancelled' | 'cancelling' | 'done' | 'unknown'>
  /** How the tiers stand that have jobs. */
  tiers(): Promise<readonly TierState[]>
  /** Ends what the store does in the background; the pool stays open. */
  close(): Promise<void>
}
