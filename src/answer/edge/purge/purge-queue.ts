import type { PurgeMode } from './edge-purger.ts'

/** One tag that one edge is to be told. */
export interface NewPurge {
  readonly purger: string
  readonly tag: string
  readonly mode: PurgeMode
}

/** A purge that a relay holds for a while. */
export interface PurgeJob extends NewPurge {
  readonly id: string
  /** 1, or 2 for its repetition. */
  readonly pass: number
  /** How often it has been claimed in this pass, this time included. */
  readonly tries: number
  /** Since it was enqueued, in milliseconds. */
  readonly ageMs: number
}

export interface PurgeDepth {
  readonly purger: string
  /** Purges that no edge has accepted yet. */
  readonly waiting: number
  /** Age of the oldest of them, in milliseconds. */
  readonly oldestMs: number
}

/**
 * Purges on their way to the edges. One that is claimed comes back when its lease ends, so that it is done at least
 * once; doing it twice, or in another order, does no harm.
 *
 * @typeParam Tx what a purge is enqueued in: a transaction, or nothing
 */
export interface PurgeQueue<Tx> {
  /** Whether a purge outlives its process once what it was enqueued in has committed. */
  readonly durable: boolean
  /** Makes its tables where they are missing. */
  prepare(): Promise<void>
  /** @param tx undefined for one of its own */
  enqueue(tx: Tx | undefined, purges: readonly NewPurge[]): Promise<void>
  /** Takes up to `limit` that are due, the longest due first; nobody else gets them for `leaseMs`. */
  claim(purger: string, limit: number, leaseMs: number): Promise<readonly PurgeJob[]>
  /** They are done. */
  settle(ids: readonly string[]): Promise<void>
  /** They are done, and once more due `afterMs` from now. */
  repeat(ids: readonly string[], afterMs: number): Promise<void>
  /** They failed, and are due again `afterMs` from now. */
  postpone(ids: readonly string[], afterMs: number): Promise<void>
  /** What waits, by edge, also for edges that are not configured any more; repetitions do not count. */
  depths(): Promise<readonly PurgeDepth[]>
}
