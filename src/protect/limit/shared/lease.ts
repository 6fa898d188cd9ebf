import { capacityOf, type Limit } from '../limit.ts'
import type { Entry } from './ledger.ts'

/** How leases are sized, and how long they last. */
export interface LeaseTerms {
  /** Share of a limit's capacity that all workers' leases on a key may come to, 0 to 1. */
  readonly share: number
  /** Milliseconds after which tokens of a lease are not spent any more. */
  readonly lifeMs: number
}

/** What a worker knows of a key without asking. */
export type Verdict = 'enough' | 'none' | 'unknown'

/** A refusal of slots is believed for so long, in milliseconds: another worker may free one at any time. */
const slotRefusalMs = 10
/** A shorter time than this says nothing of a rate, in milliseconds. */
const shortestSpanMs = 20

interface Batch {
  tokens: number
  grantedAtMs: number
  expiresAtMs: number
}

/**
 * What one worker holds and remembers of one key: tokens lent to it, the last refusal, and how fast it spends.
 *
 * All times are the worker's own monotonic milliseconds. The times of a grant count from when it was asked for,
 * which is before the ledger gave it, so a lease ends here no later than the ledger thinks.
 */
export class Lease {
  /** The key's name at the ledger. */
  readonly key: string
  readonly limit: Limit
  /** Tokens to be given back with the next round trip; below 0, tokens to be charged. */
  back = 0
  /** Round trips under way that name this key. */
  inFlight = 0
  /** Tokens asked for besides those that are needed, by a round trip under way. */
  wanting = 0
  /** For concurrency: slots that the ledger has under this worker's name, and slots in use here. */
  owned = 0
  used = 0
  lastUsedMs = 0
  readonly #capacity: number
  readonly #first: Batch = { tokens: 0, grantedAtMs: 0, expiresAtMs: 0 }
  readonly #second: Batch = { tokens: 0, grantedAtMs: 0, expiresAtMs: 0 }
  #left = 0
  #leftAtMs = Number.NEGATIVE_INFINITY
  #resetAtMs = 0
  /** The window or period of now: tokens of another one are worth nothing. */
  #windowFromMs = Number.POSITIVE_INFINITY
  #windowUntilMs = Number.NEGATIVE_INFINITY
  #refusedCost = -1
  #roomAtMs = 0
  #refusedUntilMs = 0
  #ratePerMs = 0
  #spent = 0
  #spentSinceMs = Number.NEGATIVE_INFINITY
  #lastGrant = 0

  constructor (key: string, limit: Limit) {
    this.key = key
    this.limit = limit
    this.#capacity = capacityOf(limit)
  }

  get tokens (): number {
    return this.#first.tokens + this.#second.tokens
  }

  /** The most that this worker may hold of the key. */
  cap (terms: LeaseTerms, workers: number): number {
    return Math.floor(terms.share * this.#capacity / workers)
  }

  look (cost: number, nowMs: number): Verdict {
    if (cost === 0) return 'enough'
    if (nowMs < this.#refusedUntilMs && cost === this.#refusedCost) return 'none'
    if (this.limit.kind === 'concurrency') return this.used + cost <= this.owned ? 'enough' : 'unknown'
    this.#lapse(nowMs)
    return this.#first.tokens >= cost || this.#second.tokens >= cost ? 'enough' : 'unknown'
  }

  /** Spends what `look` has found to be enough. */
  spend (cost: number, nowMs: number): void {
    this.#spent += cost
    this.lastUsedMs = nowMs
    if (this.limit.kind === 'concurrency') {
      this.used += cost
      return
    }
    if (this.#first.tokens < cost) this.#advance(nowMs)
    this.#first.tokens -= cost
  }

  /** Counts what was taken at the ledger, for the rate. */
  spentElsewhere (cost: number, nowMs: number): void {
    this.#spent += cost
    this.lastUsedMs = nowMs
  }

  /** Takes back a `spend` of this moment: as if it had not been. */
  unspend (cost: number, terms: LeaseTerms, workers: number): void {
    this.#spent -= cost
    if (this.limit.kind === 'concurrency') {
      this.used -= cost
      return
    }
    const kept = Math.max(0, Math.min(cost, this.cap(terms, workers) - this.tokens - this.wanting))
    this.#first.tokens += kept
    this.back += cost - kept
  }

  /**
   * Gives back what a claim has taken.
   *
   * A rate's tokens come back only as far as the bucket has not earned them meanwhile; those of a window or
   * period only within it.
   */
  refund (cost: number, takenAtMs: number, nowMs: number): void {
    this.#refusedCost = -1
    switch (this.limit.kind) {
      case 'rate':
        this.back += Math.max(0, cost - Math.max(0, nowMs - takenAtMs) / this.limit.unitMs)
        return
      case 'concurrency':
        this.used -= cost
        return
      default:
        if (takenAtMs >= this.#windowFromMs && nowMs < this.#windowUntilMs) this.back += cost
    }
  }

  /** For concurrency: slots beyond `keep` that are not in use go back. */
  freeSpare (keep: number): void {
    const spare = this.owned - Math.max(0, this.used) - keep
    if (spare <= 0) return
    this.owned -= spare
    this.back += spare
  }

  /** Everything that is lent goes back, as far as it is worth anything. */
  giveUp (nowMs: number): void {
    this.#surrender(this.#first, nowMs)
    this.#surrender(this.#second, nowMs)
  }

  /** Tokens to ask for besides what is needed: what this worker spends in half a lease's life. */
  want (terms: LeaseTerms, workers: number, nowMs: number): number {
    if (this.limit.kind === 'concurrency') return 0
    const sinceMs = nowMs - this.#spentSinceMs
    if (sinceMs >= shortestSpanMs) {
      // A key that was silent for a lease's life is cold: its first requests are asked for one by one.
      this.#ratePerMs = sinceMs > terms.lifeMs ? 0 : (this.#ratePerMs + this.#spent / sinceMs) / 2
      this.#spent = 0
      this.#spentSinceMs = nowMs
    }
    if (this.wanting > 0 || this.#second.tokens > 0) return 0
    const room = this.cap(terms, workers) - this.tokens
    return Math.max(0, Math.min(Math.floor(this.#ratePerMs * terms.lifeMs / 2), Math.floor(room)))
  }

  /** True when the lease is half spent, or soon over, and another is worth asking for before that. */
  runsLow ({ lifeMs }: LeaseTerms, nowMs: number): boolean {
    if (this.wanting > 0 || this.#lastGrant === 0 || this.#second.tokens > 0) return false
    return this.#first.tokens <= this.#lastGrant / 2 || nowMs >= this.#first.expiresAtMs - lifeMs / 4
  }

  /** Keeps what the ledger has answered. @param askedAtMs when it was asked */
  learn (entry: Entry, terms: LeaseTerms, wanted: number, askedAtMs: number, nowMs: number): void {
    const windowUntilMs = askedAtMs + entry.validMs
    // Two answers about one window differ by what their round trips took; the next window ends much later.
    if (windowUntilMs > this.#windowUntilMs + Math.min(1_000, entry.validMs / 2)) {
      this.#windowFromMs = askedAtMs
      this.#windowUntilMs = windowUntilMs
    }
    this.#left = entry.left
    this.#leftAtMs = nowMs
    this.#resetAtMs = nowMs + entry.resetMs
    if (this.limit.kind === 'concurrency') return
    if (wanted > 0) this.#lastGrant = entry.lease
    if (entry.lease === 0) return
    const batch = this.#first.tokens === 0 ? this.#first : this.#second
    if (batch.tokens > 0) this.#surrender(batch, nowMs)
    batch.tokens = entry.lease
    batch.grantedAtMs = askedAtMs
    batch.expiresAtMs = askedAtMs + Math.min(terms.lifeMs, entry.validMs)
  }

  /** Remembers a refusal, to repeat it without asking: for as long as it holds, and no longer than a lease. */
  refused (cost: number, waitMs: number, terms: LeaseTerms, nowMs: number): void {
    this.#refusedCost = cost
    if (this.limit.kind === 'concurrency') {
      this.#roomAtMs = nowMs
      this.#refusedUntilMs = nowMs + Math.min(slotRefusalMs, terms.lifeMs)
      return
    }
    // The wait that is told is when the ledger is asked again, so that it stays a true one.
    this.#roomAtMs = nowMs + Math.max(waitMs, this.#pauseMs(terms))
    // Somebody's refund may make room earlier.
    this.#refusedUntilMs = Math.min(this.#roomAtMs, nowMs + terms.lifeMs)
  }

  /**
   * A limited key is not asked for again sooner, in milliseconds, so that one that is hammered costs few round
   * trips: what comes back meanwhile is lent in larger parts. It is less than what leases may come to, so a
   * bucket never gets full over it.
   */
  #pauseMs (terms: LeaseTerms): number {
    const { limit } = this
    const longestMs = terms.lifeMs / 20
    if (limit.kind === 'rate') return Math.min(longestMs, terms.share * limit.burst * limit.unitMs)
    return limit.kind === 'sliding' ? Math.min(longestMs, terms.share * limit.windowMs) : 0
  }

  /** Milliseconds until there is room, as the port wants them: whole, and 1,000 for slots. */
  waitMs (nowMs: number): number {
    if (this.limit.kind === 'concurrency') return 1_000
    return Math.max(1, Math.ceil(this.#roomAtMs - nowMs))
  }

  /** Whole tokens that are left, as far as this worker knows. */
  remaining (nowMs: number): number {
    const { limit } = this
    if (limit.kind === 'concurrency') return Math.max(0, Math.floor(this.#left + this.owned - this.used))
    // Before the first answer this is infinite: the whole capacity.
    const earned = limit.kind === 'rate' ? (nowMs - this.#leftAtMs) / limit.unitMs : 0
    return Math.max(0, Math.floor(Math.min(this.#capacity, this.#left + this.tokens + earned)))
  }

  /** Tokens that the ledger has now, as far as this worker can know; undefined: it knows nothing of now. */
  leftAtLedger (nowMs: number): number | undefined {
    if (this.#leftAtMs === Number.NEGATIVE_INFINITY) return undefined
    if (this.limit.kind === 'rate') {
      return Math.min(this.#capacity, this.#left + (nowMs - this.#leftAtMs) / this.limit.unitMs)
    }
    return nowMs < this.#windowUntilMs ? this.#left : undefined
  }

  /** When what is left now means nothing any more, on the worker's clock. */
  get windowUntilMs (): number {
    return this.#windowUntilMs
  }

  resetMs (nowMs: number): number {
    if (this.limit.kind === 'concurrency') return 0
    return Math.max(0, Math.ceil(this.#resetAtMs - nowMs))
  }

  /** True when forgetting it loses nothing but memory. */
  get idle (): boolean {
    return this.tokens === 0 && this.back === 0 && this.inFlight === 0 && this.used === 0 && this.owned === 0
  }

  #lapse (nowMs: number): void {
    if (this.#first.tokens > 0 && nowMs >= this.#first.expiresAtMs) this.#advance(nowMs)
    if (this.#first.tokens > 0 && nowMs >= this.#first.expiresAtMs) this.#advance(nowMs)
    if (this.#first.tokens === 0 && this.#second.tokens > 0) this.#advance(nowMs)
  }

  /** The second batch becomes the first. */
  #advance (nowMs: number): void {
    this.#surrender(this.#first, nowMs)
    Object.assign(this.#first, this.#second)
    this.#second.tokens = 0
  }

  #surrender (batch: Batch, nowMs: number): void {
    if (batch.tokens === 0) return
    if (this.limit.kind === 'rate') {
      this.back += Math.max(0, batch.tokens - (nowMs - batch.grantedAtMs) / this.limit.unitMs)
    } else if (nowMs < this.#windowUntilMs && batch.grantedAtMs >= this.#windowFromMs) {
      this.back += batch.tokens
    }
    batch.tokens = 0
  }
}
