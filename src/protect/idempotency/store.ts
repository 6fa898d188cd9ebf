import type { StoredAnswer } from './answer.ts'

/** A request's wish to run under its key. */
export interface Claim {
  /** SHA-256 of tenant, method, route and idempotency key: 32 bytes. */
  readonly key: Buffer
  /** SHA-256 of the request that the key stands for: 32 bytes. */
  readonly fingerprint: Buffer
  /** How long the lease holds unless it is renewed, in milliseconds. */
  readonly leaseMs: number
  /** How long the answer can be replayed, from now, in milliseconds. */
  readonly keepMs: number
}

/** The right to run under a key, until it ends or is lost to a later lease. */
export interface KeyLease {
  readonly key: Buffer
  /** Fencing token: each lease of a key has a higher one than those before. */
  readonly token: bigint
}

/** What became of a claim. */
export type Claimed =
  /**
   * The lease is the caller's. `previous` says what was there: `none`; `lapsed`, a lease whose holder did not
   * end it; or `unknown`, the same after the holder had begun an effect that no transaction undoes.
   */
  | { readonly kind: 'taken'; readonly lease: KeyLease; readonly previous: 'none' | 'lapsed' | 'unknown' }
  | { readonly kind: 'answered'; readonly answer: StoredAnswer }
  /** The key stands for another request. */
  | { readonly kind: 'reused' }
  /** Another request runs under it, and its lease holds `leaseLeftMs` more, above 0, unless renewed. */
  | { readonly kind: 'held'; readonly leaseLeftMs: number }

/** What became of a key that was given back. */
export type Released =
  /** Free; what its holder wrote in a transaction with the answer can no longer be committed. */
  | { readonly kind: 'released' }
  /** It was settled under this very lease: a commit had reached the database although its reply was lost. */
  | { readonly kind: 'answered'; readonly answer: StoredAnswer }
  /** The lease is another's, or is still being settled by somebody; the caller must not rely on either. */
  | { readonly kind: 'lost' }

/**
 * Where leases and answers live. For each key, and until its answer expires, at most one `settle` or `settleIn`
 * has an effect; a lease that was taken over can settle, renew and release nothing. Time is the store's own,
 * one for all workers.
 *
 * On purpose there is no plain read of a key: its answer would be stale before the caller could act on it.
 */
export interface IdempotencyStore<Tx = unknown> extends AsyncDisposable {
  readonly name: 'memory' | 'postgres' | 'redis'
  /** How a record is written in the handler's own transaction; undefined where the store has none. */
  readonly transactions: StoreTransactions<Tx> | undefined
  /** Makes what the store needs, once, at boot. Many processes may do it at a time. */
  prepare(): Promise<void>
  claim(claim: Claim): Promise<Claimed>
  /** Lets the leases hold for `leaseMs` from now. @returns those that were lost */
  renew(leases: readonly KeyLease[], leaseMs: number): Promise<readonly KeyLease[]>
  /** Notes, durably, that an effect begins that no transaction undoes. @returns false when the lease is lost */
  mark(lease: KeyLease): Promise<boolean>
  /** Keeps the answer and ends the lease. @returns false when the lease is lost */
  settle(lease: KeyLease, answer: StoredAnswer): Promise<boolean>
  /** Ends the lease without an answer; a marked key stays, and is `unknown` to whoever claims it next. */
  release(lease: KeyLease): Promise<Released>
  /** Deletes what has expired, at most `limit` keys. @returns how many it deleted */
  sweep(limit: number): Promise<number>
  /** Frees what the store opened itself; a second call does nothing. `await using` calls it too. */
  close(): Promise<void>
}

/** The database's transactions, for an answer that commits together with the effect. */
export interface StoreTransactions<Tx> {
  /** Runs `work` in a transaction: committed when it resolves, rolled back when it throws. */
  run<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>
  /**
   * As `settle`, as the last statement of the caller's transaction; it holds when that commits.
   * @returns false when the lease is lost: the caller must roll back
   */
  settleIn(tx: Tx, lease: KeyLease, answer: StoredAnswer): Promise<boolean>
}
