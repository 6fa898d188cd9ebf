import type { Cancel } from '../../../kernel/index.ts'
import type { Claim, LimitStore, Outcome } from '../store.ts'
import { Accounts } from './accounts.ts'
import { LeaseBook } from './lease-book.ts'
import type { Lease, LeaseTerms, Verdict } from './lease.ts'
import type { Ask, Holding, Ledger, Settlement } from './ledger.ts'
import { Line } from './line.ts'
import type { ResolvedSharedStoreOptions } from './options.ts'
import { Owing } from './owing.ts'
import { StandIn } from './stand-in.ts'
import { type StoreCounts, storeCounts } from './store-counts.ts'

/**
 * Limits that workers share through a ledger, decided on leases where a key is busy.
 *
 * A key's first requests are asked for one by one. A worker that spends a key's tokens fast is lent some: as many
 * as it spends in half a lease's life, and at most its part of `leaseShare` of the capacity. It decides on these
 * without asking, and asks for more in the background when they run low. A refusal is remembered until there is
 * room, at most for a lease's life, so that a limited crowd costs few round trips. Requests in flight
 * (`concurrency`) are slots that a worker owns; a freed one is kept for the next request within the same part of
 * `leaseShare`, and an owner that dies loses its slots after `workerLife`.
 *
 * How far this strays from one exact counter, with B the capacity, r its rate, L = `leaseShare` * B, E =
 * `leaseLife`: in any stretch of W ms at most B + r W + min(L, r E) units of a `rate` are admitted, because what
 * is spent was lent at most E before. A `sliding` window or `quota` never admits more than its capacity in a
 * window or period: tokens are worth nothing after it. `concurrency` never has more in flight. The other way, at
 * most L units may wait unused with other workers, for at most E, while one refuses; a worker that is killed loses
 * what it was lent. L holds while the number of workers stands; a worker that joins brings it down within E.
 *
 * Without the ledger see {@link StandIn}. Each change from the ledger to the shares or back may admit once more
 * what a bucket holds, since neither knows what the other has counted.
 */
export class SharedStore implements LimitStore {
  readonly name: string
  readonly #options: ResolvedSharedStoreOptions
  readonly #ledger: Ledger
  readonly #terms: LeaseTerms
  readonly #line: Line
  readonly #standIn: StandIn
  readonly #accounts: Accounts
  readonly #counts: StoreCounts
  readonly #book: LeaseBook
  readonly #owing: Owing
  readonly #lending = new Set<Lease>()
  readonly #timers: Cancel[] = []
  #closed = false
  // Of the decision under way, by the claim's position.
  readonly #now: Lease[] = []
  readonly #verdicts: Verdict[] = []

  constructor (ledger: Ledger, options: ResolvedSharedStoreOptions) {
    const { clock, random, timeoutMs, registry, onOutage, keys, shareKeys } = options
    this.name = ledger.name
    this.#ledger = ledger
    this.#options = options
    this.#terms = { share: options.leaseShare, lifeMs: options.leaseLifeMs }
    this.#counts = storeCounts(ledger.name, registry)
    this.#book = new LeaseBook(keys, (lease) => this.#forget(lease))
    this.#accounts = new Accounts(clock)
    this.#owing = new Owing({
      clock,
      mayPay: () => this.#line.up,
      pay: async (leases) => {
        await this.#settle(leases, leases.map((lease) => this.#askFor(lease, 0, true, 0)), clock.now())
      },
    })
    this.#standIn = new StandIn({ clock, keys: shareKeys, closedWaitMs: 1_000 })
    this.#line = new Line({
      ledger,
      clock,
      random,
      timeoutMs,
      holdings: () => this.#holdings(),
      onDown: (error) => {
        this.#counts.outages.add()
        tell(onOutage, { state: 'gone', store: ledger.name, error })
      },
      onUp: (downMs) => {
        for (const [lease, units] of this.#standIn.end()) {
          lease.back -= units
          this.#owing.add(lease)
        }
        void this.#owing.payAll()
        tell(onOutage, { state: 'back', store: ledger.name, downMs })
      },
    })
  }

  /** Round trips since the start. For benchmarks and tests. */
  get roundTrips (): number {
    return this.#line.sent
  }

  /** Workers that share the store, as last heard. */
  get workers (): number {
    return this.#line.workers
  }

  /** Keys that are remembered now. */
  get remembered (): number {
    return this.#book.size
  }

  take (claims: readonly Claim[], nowMs: number = this.#options.clock.now()): Outcome | Promise<Outcome> {
    if (this.#timers.length === 0) this.#start()
    let unknown = false
    let refusedBy: Outcome
    for (let at = 0; at < claims.length; at++) {
      const claim = claims[at] as Claim
      const lease = this.#book.of(claim)
      const verdict = lease.look(claim.cost, nowMs)
      this.#now[at] = lease
      this.#verdicts[at] = verdict
      claim.taken = false
      claim.decidedBy = 'store'
      claim.waitMs = verdict === 'none' ? lease.waitMs(nowMs) : 0
      if (verdict === 'unknown') unknown = true
      else if (verdict === 'none' && !claim.limit.shadow && claim.waitMs > (refusedBy?.waitMs ?? 0))
        refusedBy = claim
    }
    if (!this.#line.up) return this.#withoutLedger(claims, this.#now.slice(0, claims.length))
    if (refusedBy === undefined && unknown) return this.#ask(claims, nowMs)
    for (let at = 0; at < claims.length; at++) {
      const claim = claims[at] as Claim
      const lease = this.#now[at] as Lease
      if (refusedBy === undefined && this.#verdicts[at] === 'enough') {
        lease.spend(claim.cost, nowMs)
        claim.taken = true
        claim.takenAtMs = nowMs
        if (lease.runsLow(this.#terms, nowMs)) this.#topUp(lease, nowMs)
      }
      claim.remaining = lease.remaining(nowMs)
      claim.resetMs = lease.resetMs(nowMs)
    }
    this.#counts.local.add()
    return refusedBy
  }

  give (claims: readonly Claim[]): void {
    for (const claim of claims) this.#giveBack(claim)
  }

  release (claims: readonly Claim[]): void {
    for (const claim of claims) if (claim.limit.kind === 'concurrency') this.#giveBack(claim)
  }

  /** Gives back all that is lent, and leaves the other workers. Bounded by `timeout`. */
  async close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const cancel of this.#timers.splice(0)) cancel()
    const nowMs = this.#options.clock.now()
    for (const lease of this.#book.leases()) {
      lease.giveUp(nowMs)
      this.#owing.add(lease)
    }
    await this.#owing.close()
    await this.#line.close(() => this.#ledger.leave([...this.#book.slots()].map(({ key }) => key)))
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.close()
  }

  #start (): void {
    if (this.#closed) return
    const { clock, leaseLifeMs, workerLifeMs } = this.#options
    this.#timers.push(
      clock.every(Math.max(leaseLifeMs / 2, 1), () => this.#sweep()),
      clock.every(workerLifeMs / 4, () => void this.#line.announce())
    )
  }

  /** Decides with one round trip: what is lent here is spent first, the rest is asked for. */
  async #ask (claims: readonly Claim[], nowMs: number): Promise<Outcome> {
    const { workers } = this.#line
    const leases = this.#now.slice(0, claims.length)
    const verdicts = this.#verdicts.slice(0, claims.length)
    const asked: number[] = []
    const asks: Ask[] = []
    for (const [at, lease] of leases.entries()) {
      const { cost, limit } = claims[at] as Claim
      if (verdicts[at] === 'enough') lease.spend(cost, nowMs)
      if (verdicts[at] !== 'unknown') continue
      asked.push(at)
      asks.push(this.#askFor(lease, cost, limit.shadow, lease.want(this.#terms, workers, nowMs)))
    }
    const settlement = await this.#settle(leases.filter((_, at) => verdicts[at] === 'unknown'), asks, nowMs)
    const laterMs = this.#options.clock.now()
    if (settlement === undefined || !settlement.admitted) {
      for (const [at, lease] of leases.entries())
        if (verdicts[at] === 'enough') this.#unspend(lease, (claims[at] as Claim).cost)
    }
    if (settlement === undefined) return this.#withoutLedger(claims, leases)
    for (const [nth, at] of asked.entries()) {
      const { waitMs = 0 } = settlement.entries[nth] ?? {}
      if (waitMs > 0) leases[at]?.refused((claims[at] as Claim).cost, waitMs, this.#terms, laterMs)
      ;(claims[at] as Claim).waitMs = waitMs > 0 ? (leases[at] as Lease).waitMs(laterMs) : 0
    }
    let refusedBy: Outcome
    for (const [at, claim] of claims.entries()) {
      const lease = leases[at] as Lease
      claim.taken = settlement.admitted && claim.waitMs === 0
      claim.takenAtMs = nowMs
      if (claim.taken && verdicts[at] === 'unknown') {
        if (claim.limit.kind === 'concurrency') lease.owned += claim.cost
        if (claim.limit.kind === 'concurrency') lease.spend(claim.cost, laterMs)
        else lease.spentElsewhere(claim.cost, laterMs)
      }
      claim.remaining = lease.remaining(laterMs)
      claim.resetMs = lease.resetMs(laterMs)
      const refuses = !settlement.admitted && !claim.limit.shadow && claim.waitMs > (refusedBy?.waitMs ?? 0)
      if (refuses) refusedBy = claim
    }
    return refusedBy
  }

  #askFor (lease: Lease, take: number, optional: boolean, want: number): Ask {
    const { back } = lease
    lease.back = 0
    this.#owing.remove(lease)
    return { key: lease.key, account: this.#accounts.of(lease.limit), take, optional, want, back }
  }

  /** One round trip for these leases' asks; each learns its answer. */
  async #settle (
    leases: readonly Lease[],
    asks: readonly Ask[],
    nowMs: number
  ): Promise<Settlement | undefined> {
    for (const [at, lease] of leases.entries()) {
      lease.inFlight++
      lease.wanting += asks[at]?.want ?? 0
    }
    this.#counts.roundTrips.add()
    const settlement = await this.#line.settle(asks, ({ entries }) => {
      // Even when it comes too late for those who asked: what it lends can be spent, or goes back.
      const laterMs = this.#options.clock.now()
      for (const [at, lease] of leases.entries()) {
        const entry = entries[at]
        if (entry === undefined) continue
        lease.learn(entry, this.#terms, asks[at]?.want ?? 0, nowMs, laterMs)
        if (entry.lease > 0) this.#lending.add(lease)
        this.#counts.leased.add(entry.lease)
      }
    })
    for (const [at, lease] of leases.entries()) {
      lease.inFlight--
      lease.wanting -= asks[at]?.want ?? 0
    }
    return settlement
  }

  /** Asks for more before the lease is spent; nobody waits for it. */
  #topUp (lease: Lease, nowMs: number): void {
    const want = lease.want(this.#terms, this.#line.workers, nowMs)
    if (want > 0) void this.#settle([lease], [this.#askFor(lease, 0, true, want)], nowMs)
  }

  #withoutLedger (claims: readonly Claim[], leases: readonly Lease[]): Outcome {
    const refusedBy = this.#standIn.take(claims, leases, this.#line.workers)
    this.#counts.standIn((refusedBy ?? claims[0])?.decidedBy)
    return refusedBy
  }

  #unspend (lease: Lease, cost: number): void {
    lease.unspend(cost, this.#terms, this.#line.workers)
    this.#owing.add(lease)
  }

  #giveBack (claim: Claim): void {
    if (!claim.taken) return
    claim.taken = false
    if (this.#closed || this.#standIn.give(claim)) return
    const lease = this.#book.of(claim)
    lease.refund(claim.cost, claim.takenAtMs, this.#options.clock.now())
    if (claim.limit.kind === 'concurrency') lease.freeSpare(lease.cap(this.#terms, this.#line.workers))
    this.#owing.add(lease)
  }

  #sweep (): void {
    const nowMs = this.#options.clock.now()
    for (const lease of this.#lending) {
      lease.look(1, nowMs)
      if (lease.tokens === 0) this.#lending.delete(lease)
      this.#owing.add(lease)
    }
    for (const lease of this.#book.slots()) {
      if (nowMs - lease.lastUsedMs >= this.#terms.lifeMs) lease.freeSpare(0)
      this.#owing.add(lease)
    }
    this.#book.tidy()
  }

  #forget (lease: Lease): void {
    lease.giveUp(this.#options.clock.now())
    this.#lending.delete(lease)
    this.#owing.add(lease)
  }

  /** Slots that are in use, as this worker knows them. Where a round trip is under way, that one says it. */
  #holdings (): Holding[] {
    const holdings: Holding[] = []
    for (const lease of this.#book.slots()) {
      lease.owned = Math.max(lease.owned, lease.used)
      if (lease.owned > 0 && lease.inFlight === 0) {
        holdings.push({ key: lease.key, slots: lease.owned + lease.back })
      }
    }
    return holdings
  }
}

/** What a listener throws is not the requests' trouble. */
function tell<Message> (listener: (message: Message) => void, message: Message): void {
  try {
    listener(message)
  } catch {
    // The metrics count it all the same.
  }
}
