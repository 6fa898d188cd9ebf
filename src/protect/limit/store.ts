import type { Limit } from './limit.ts'

/** Who decided: the store that was asked, or what stands in for it while it cannot be reached. */
export type DecidedBy = 'store' | 'share' | 'open' | 'closed'

/**
 * What one request asks of one limit, for one key. The first three fields say what is asked; the store
 * writes its answer into the others, so that a decision allocates nothing more.
 */
export class Claim {
  readonly limit: Limit
  /** Any text, of any length; it is never shown. */
  readonly key: string
  /** Units, from 0 up to the limit's capacity; a finite number. */
  readonly cost: number
  /** Whether the units are taken now, by `take`; `give` and `release` set it back. */
  taken = false
  /**
   * 0 when this limit has room. Otherwise milliseconds after which it has, if nobody else takes: rounded up
   * to whole ones and true. For `concurrency` 0 means room and 1,000 none: no clock tells when a request ends.
   */
  waitMs = 0
  /** Whole units left for the key after this decision, rounded down. */
  remaining = 0
  /** Milliseconds until the key has all its units again, if nobody takes; 0 for `concurrency`. */
  resetMs = 0
  /** When it was taken, on the store's own time in milliseconds. A refund depends on it. */
  takenAtMs = 0
  decidedBy: DecidedBy = 'store'
  /** The store's own note of where it was taken; nobody else's. */
  place = 0

  constructor (limit: Limit, key: string, cost: number) {
    this.limit = limit
    this.key = key
    this.cost = cost
  }
}

/** The claim that refuses the request, with the longest wait of those that do; `undefined`: admitted. */
export type Outcome = Claim | undefined

/**
 * Where limits are counted.
 *
 * `take` is one atomic step over all claims of a request: either every claim of an enforced limit is taken,
 * or none, shadow ones included. A claim of a shadow limit never refuses; it is taken when it has room, and
 * its `waitMs` tells that it had none. Of N concurrent takes on a key with room for M units, exactly
 * min(N, M) are admitted; a store that decides on leases states how far it strays from that.
 *
 * The store owns the time. On purpose there is no read without a take: its answer would be stale before the
 * caller could act on it.
 */
export interface LimitStore extends AsyncDisposable {
  /** For metrics and reports, e.g. `process` or `redis`. */
  readonly name: string
  /**
   * It never rejects: a store that cannot be reached decides by each limit's `whenStoreFails`, and says so in
   * `decidedBy`. No two claims of one call have both the same limit and the same key.
   *
   * @param nowMs the request's arrival on the process's monotonic clock, where it is known: a store that counts by
   *   that clock need not read it again, which is half of what a decision costs; others ignore it
   */
  take(claims: readonly Claim[], nowMs?: number): Outcome | Promise<Outcome>
  /**
   * Gives back all that these claims still hold: a refund. Claims that hold nothing are left alone, so a
   * second call does nothing. What a rate earned since the claim was taken is not given twice. It never
   * rejects: a refund that cannot be delivered is lost, to the client's disadvantage only.
   */
  give(claims: readonly Claim[]): void | Promise<void>
  /** Frees what these claims hold in `concurrency` limits, at the end of the request; else like `give`. */
  release(claims: readonly Claim[]): void | Promise<void>
  /** Frees what the store opened itself, and only that; a second call does nothing. */
  close(): Promise<void>
}
