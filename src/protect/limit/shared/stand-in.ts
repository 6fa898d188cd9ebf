import type { Clock } from '../../../kernel/index.ts'
import { capacityOf, type Limit } from '../limit.ts'
import { ProcessStore } from '../process-store.ts'
import { Claim, type Outcome } from '../store.ts'
import type { Lease } from './lease.ts'

export interface StandInOptions {
  readonly clock: Clock
  /** Keys whose shares are counted at once; see `ProcessStoreOptions.keys`. */
  readonly keys: number
  /** What a client is told to wait by a limit that is closed while the store is gone, in milliseconds. */
  readonly closedWaitMs: number
}

interface Share {
  readonly workers: number
  readonly limit: Limit
}

/** What a share was begun with. */
interface Begun {
  readonly limit: Limit
  readonly key: string
  /** Units of the share that the ledger had spent already. */
  readonly spent: number
  readonly atMs: number
}

/** Shares that are begun and charged by what is known of the key; those of further keys begin full. */
const mostBegun = 10_000

/**
 * Decides while the ledger cannot be reached, by each limit's `whenStoreFails`: `share`, this worker's part of
 * the limit (limit / workers, by the number last heard); `open`, nothing is refused; `closed`, everything is.
 *
 * Shares are counted in a store of this process, which an outage makes and its end drops. A share is at least
 * one unit, so with more workers than units the shares come to more than the limit: one for each worker. The share
 * of a key that this worker knows begins with its part of what the ledger had left, and what was spent of it is
 * charged to the ledger in the end; so only keys that it does not know may be spent twice.
 */
export class StandIn {
  readonly #options: StandInOptions
  readonly #shares = new WeakMap<Limit, Share>()
  /** What a claim took of its share, to be given back. */
  #taken = new WeakMap<Claim, Claim>()
  readonly #begun = new Map<Lease, Begun>()
  #store: ProcessStore | undefined

  constructor (options: StandInOptions) {
    this.#options = options
  }

  /** @param leases those of the claims, in their order: slots in flight are counted there */
  take (claims: readonly Claim[], leases: readonly Lease[], workers: number): Outcome {
    const nowMs = this.#options.clock.now()
    let refusedBy: Outcome
    const shared: Claim[] = []
    const originals: Claim[] = []
    for (const [at, claim] of claims.entries()) {
      this.#look(claim, leases[at] as Lease, workers)
      if (claim.waitMs > 0 && !claim.limit.shadow && claim.waitMs > (refusedBy?.waitMs ?? 0))
        refusedBy = claim
      if (claim.decidedBy !== 'share' || claim.limit.kind === 'concurrency') continue
      const share = this.#shareOf(claim, workers)
      if (!this.#begun.has(leases[at] as Lease)) this.#begin(leases[at] as Lease, share, workers, nowMs)
      shared.push(share)
      originals.push(claim)
    }
    if (refusedBy === undefined && shared.length > 0) {
      const refusedShare = this.#counts().take(shared)
      for (const [at, share] of shared.entries()) copyAnswer(share, originals[at] as Claim)
      if (refusedShare !== undefined) refusedBy = originals[shared.indexOf(refusedShare)]
      else for (const [at, share] of shared.entries()) this.#taken.set(originals[at] as Claim, share)
    }
    for (const [at, claim] of claims.entries()) {
      claim.taken = refusedBy === undefined && claim.waitMs === 0 && claim.decidedBy === 'share'
      if (claim.limit.kind !== 'concurrency' || !claim.taken) continue
      claim.takenAtMs = nowMs
      ;(leases[at] as Lease).spend(claim.cost, nowMs)
    }
    return refusedBy
  }

  /** @returns whether the claim was decided here, and has been given back */
  give (claim: Claim): boolean {
    const share = this.#taken.get(claim)
    if (share === undefined) return false
    this.#taken.delete(claim)
    this.#counts().give([share])
    return true
  }

  /**
   * Ends the shares: the ledger is back.
   *
   * @returns what was spent of each without it
   */
  end (): Map<Lease, number> {
    const nowMs = this.#options.clock.now()
    const spent = new Map<Lease, number>()
    for (const [lease, { limit, key, spent: before, atMs }] of this.#begun) {
      const asked = new Claim(limit, key, 0)
      this.#counts().take([asked])
      const earned = limit.kind === 'rate' ? (nowMs - atMs) / limit.unitMs : 0
      // Rounded up: what remains of a share is told in whole units, rounded down.
      const known = limit.kind === 'rate' || nowMs < lease.windowUntilMs ? Math.ceil(before - earned) : 0
      const units = capacityOf(limit) - asked.remaining - Math.max(0, known)
      if (units > 0) spent.set(lease, units)
    }
    this.#begun.clear()
    this.#taken = new WeakMap()
    this.#store = undefined
    return spent
  }

  #begin (lease: Lease, { limit, key }: Claim, workers: number, nowMs: number): void {
    if (this.#begun.size >= mostBegun) return
    const left = lease.leftAtLedger(nowMs) ?? Number.POSITIVE_INFINITY
    const spent = Math.max(0, capacityOf(limit) - Math.floor(left / workers))
    if (spent > 0) this.#counts().take([new Claim(limit, key, spent)])
    this.#begun.set(lease, { limit, key, spent, atMs: nowMs })
  }

  #look (claim: Claim, lease: Lease, workers: number): void {
    const { limit } = claim
    claim.decidedBy = limit.whenStoreFails
    claim.waitMs = 0
    claim.remaining = 0
    claim.resetMs = 0
    if (limit.whenStoreFails === 'closed') claim.waitMs = claim.cost > 0 ? this.#options.closedWaitMs : 0
    if (limit.whenStoreFails !== 'share' || limit.kind !== 'concurrency') return
    const slots = Math.max(lease.owned, shareOfCapacity(limit, workers))
    const room = slots - lease.used
    if (claim.cost > 0 && claim.cost > room && lease.used > 0) claim.waitMs = 1_000
    claim.remaining = Math.max(0, Math.floor(room - (claim.waitMs > 0 ? 0 : claim.cost)))
  }

  #shareOf (claim: Claim, workers: number): Claim {
    let share = this.#shares.get(claim.limit)
    if (share === undefined || share.workers !== workers) {
      share = { workers, limit: shareOfLimit(claim.limit, workers) }
      this.#shares.set(claim.limit, share)
    }
    // What costs more than the whole share takes all of it.
    return new Claim(share.limit, claim.key, Math.min(claim.cost, capacityOf(share.limit)))
  }

  #counts (): ProcessStore {
    this.#store ??= new ProcessStore({ clock: this.#options.clock, keys: this.#options.keys })
    return this.#store
  }
}

function copyAnswer (from: Claim, to: Claim): void {
  to.waitMs = from.waitMs
  to.remaining = from.remaining
  to.resetMs = from.resetMs
  to.takenAtMs = from.takenAtMs
}

/** A worker's part of what a limit holds, at least one unit. */
export function shareOfCapacity (limit: Limit, workers: number): number {
  return Math.max(1, Math.floor(capacityOf(limit) / workers))
}

function shareOfLimit (limit: Limit, workers: number): Limit {
  switch (limit.kind) {
    case 'rate':
      return { ...limit, unitMs: limit.unitMs * workers, burst: shareOfCapacity(limit, workers) }
    case 'concurrency':
      return { ...limit, inFlight: shareOfCapacity(limit, workers) }
    default:
      return { ...limit, requests: shareOfCapacity(limit, workers) }
  }
}
