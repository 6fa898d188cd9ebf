/** A limit as a ledger keeps it: numbers only, whatever rule they came from. */
export type Account =
  | {
    /** A token bucket kept as one time; see gcra.ts. */
    readonly kind: 'rate'
    readonly capacity: number
    /** Milliseconds in which one token comes back. */
    readonly unitMs: number
  }
  | {
    /** Two windows, the older one weighted by how much of it still counts; see sliding-window.ts. */
    readonly kind: 'sliding'
    readonly capacity: number
    readonly windowMs: number
  }
  | {
    /** A calendar period. */
    readonly kind: 'quota'
    readonly capacity: number
    /** When the period that the asking worker sees ends, in milliseconds since the epoch. */
    readonly endsAtMs: number
    /** When the one after it ends: the ledger's clock may be in that already. */
    readonly nextEndsAtMs: number
  }
  | {
    /** Slots that are held, each worker's under its name. */
    readonly kind: 'concurrency'
    readonly capacity: number
  }

/** What one worker asks of one account. */
export interface Ask {
  /** Names the account; no two asks of one settlement have the same. */
  readonly key: string
  readonly account: Account
  /** Tokens that must be had, or nothing of the settlement is. */
  readonly take: number
  /** True when the rest goes on without `take`: a limit in shadow. */
  readonly optional: boolean
  /** Tokens that would be welcome besides, to be spent without asking. */
  readonly want: number
  /**
   * Tokens that are given back, first and whatever becomes of the rest. Below 0, tokens that were spent without
   * the ledger: they are charged, even where there are not as many.
   */
  readonly back: number
}

/** Slots that a worker says it holds, in place of what the ledger thinks. */
export interface Holding {
  readonly key: string
  readonly slots: number
}

/** What became of one ask. */
export interface Entry {
  /** Tokens lent besides those taken. */
  readonly lease: number
  /** Tokens that are left, without those lent here or elsewhere; not below 0, and may have a fraction. */
  readonly left: number
  /**
   * 0 when the account could give what was asked. Else milliseconds until it can, if nobody else takes it;
   * infinite for slots, since nobody knows.
   */
  readonly waitMs: number
  /** Milliseconds until the account is as new, if nobody takes anything; 0 for slots. */
  readonly resetMs: number
  /** Milliseconds for which tokens of now mean anything: to the end of the window or period, else infinite. */
  readonly validMs: number
}

export interface Settlement {
  readonly admitted: boolean
  /** Workers that have been heard of within their life, the asking one included. */
  readonly workers: number
  /** In the order of the asks. */
  readonly entries: readonly Entry[]
}

export interface LedgerOptions {
  /** This worker's name, unlike that of any other. */
  readonly worker: string
  /** Share of an account's capacity that all leases on it may come to, 0 to 1. */
  readonly leaseShare: number
  /** A worker that is not heard of for so long has ended: its slots are free, and it counts no more. */
  readonly workerLifeMs: number
}

/**
 * Where the accounts of all workers are kept: the one that is right when they differ.
 *
 * A settlement is all or nothing over its takes. A lease is at most `floor(leaseShare * capacity / workers)`
 * and at most `floor(left / workers)`: the nearer the limit, the less is lent, and an account that cannot lend
 * a whole token to each worker lends none.
 *
 * All methods reject when the ledger cannot be reached; what was asked may then have been done or not.
 */
export interface Ledger {
  /** For messages and metrics, e.g. `redis`. */
  readonly name: string
  settle(asks: readonly Ask[]): Promise<Settlement>
  /**
   * Says that this worker lives, and what it holds. To be called well within `workerLifeMs`.
   *
   * @returns how many workers live
   */
  announce(holdings: readonly Holding[]): Promise<number>
  /** Says that this worker ends: it counts no more, and its slots in `keys` are free. */
  leave(keys: readonly string[]): Promise<void>
  /** False when a round trip cannot succeed now, so that none is worth waiting for. */
  reachable(): boolean
}
