import type { Pool } from 'pg'
import type { Clock } from '../../../kernel/index.ts'
import type { ClaimStatements } from './claim-sql.ts'
import type { FairExchange } from './fair-exchange.ts'
import type { FairTags } from './fair-tags.ts'
import { HeldBatch, type HeldBatches } from './held-batches.ts'
import type { ClaimedBatch, ClaimedJob, ClaimRequest, JobOutcome, Renewed } from './job-store.ts'
import { type PackedJobs, unpack, type UnpackedJob } from './lease-pack.ts'

interface ClaimedLease extends PackedJobs {
  readonly token: string
  readonly now_ms: string
}

interface RenewedLease {
  readonly token: string
  readonly cancelling: readonly string[]
  readonly renewed: boolean
}

/** Takes batches of jobs, and keeps them. */
export class Claimer {
  readonly #pool: Pool
  readonly #sql: ClaimStatements
  readonly #owner: string
  readonly #tags: FairTags
  readonly #exchange: FairExchange
  readonly #held: HeldBatches
  readonly #clock: Clock
  readonly #settle: (token: bigint, outcomes: readonly JobOutcome[]) => Promise<unknown>
  /** Claims under way, whose tokens are not known yet. */
  #claiming = 0
  /** A claim's answer never came: there may be a lease that nobody here knows of. */
  #inDoubt = false

  constructor (
    options: {
      readonly pool: Pool
      readonly sql: ClaimStatements
      readonly owner: string
      readonly tags: FairTags
      readonly exchange: FairExchange
      readonly held: HeldBatches
      readonly clock: Clock
      readonly settle: (token: bigint, outcomes: readonly JobOutcome[]) => Promise<unknown>
    }
  ) {
    this.#pool = options.pool
    this.#sql = options.sql
    this.#owner = options.owner
    this.#tags = options.tags
    this.#exchange = options.exchange
    this.#held = options.held
    this.#clock = options.clock
    this.#settle = options.settle
  }

  async claim (request: ClaimRequest): Promise<ClaimedBatch | undefined> {
    for (;;) {
      const taken = await this.#take(request)
      if (taken === undefined) return undefined
      const jobs = await this.#worthRunning(taken)
      if (jobs.length > 0) return { token: taken.token, jobs }
    }
  }

  async renew (tokens: readonly bigint[], leaseMs: number): Promise<Renewed> {
    const sentMs = this.#clock.now()
    const { rows } = await this.#pool.query<RenewedLease>({ ...this.#sql.renew, values: [tokens, leaseMs] })
    const there = new Set<bigint>()
    for (const row of rows) {
      const token = BigInt(row.token)
      there.add(token)
      const batch = this.#held.get(token)
      if (row.renewed && batch !== undefined) batch.endsMs = sentMs + leaseMs
    }
    const lost = tokens.filter((token) => !there.has(token))
    for (const token of lost) this.#held.delete(token)
    return { lost, cancelling: rows.flatMap(({ cancelling }) => cancelling) }
  }

  async giveBack (token: bigint, ids?: readonly string[]): Promise<void> {
    const batch = this.#held.get(token)
    if (batch === undefined) return
    await batch.settling
    // What a transaction may have settled is known to the database alone.
    const open = batch.openPlaces()
    const wanted = ids === undefined ? undefined : new Set(ids)
    const given = wanted === undefined ? open : open.filter((place) => wanted.has(batch.jobs[place]!.id))
    if (given.length === 0) return
    const isWhole = given.length === batch.left && !batch.isApart
    const values = [token, isWhole ? null : given.map((place) => place + 1)]
    await this.#pool.query({ ...this.#sql.giveBack, values })
    for (const place of given) batch.end(place)
    if (isWhole) this.#held.delete(token)
  }

  /** Puts back what was claimed by statements whose answers never came. */
  async settleDoubt (): Promise<void> {
    if (!this.#inDoubt || this.#claiming > 0) return
    const values = [this.#owner, this.#held.tokens]
    const { rows } = await this.#pool.query<{ token: string }>({ ...this.#sql.unknown, values })
    // A claim that began meanwhile may have made one of them.
    if (this.#claiming > 0) return
    for (const { token } of rows) {
      if (this.#held.get(BigInt(token)) !== undefined) continue
      await this.#pool.query({ ...this.#sql.giveBack, values: [token, null] })
    }
    this.#inDoubt = false
  }

  async #take ({ tier, names, limit, starting = limit, leaseMs }: ClaimRequest): Promise<Taken | undefined> {
    const sentMs = this.#clock.now()
    const values: unknown[] = [this.#owner, tier, limit, Math.min(starting, limit), leaseMs]
    if (names !== undefined) values.push(names)
    this.#claiming++
    try {
      const sql = names === undefined ? this.#sql.claim : this.#sql.claimNamed
      const { rows: [row] } = await this.#pool.query<ClaimedLease>({ ...sql, values })
      if (row === undefined) return undefined
      const token = BigInt(row.token)
      const nowMs = Number(row.now_ms)
      const claimed = unpack(row, tier, nowMs)
      const jobs = claimed.map(({ job }) => job)
      const order = inOrder(claimed)
      this.#held.add(new HeldBatch(token, jobs, sentMs + leaseMs, order))
      this.#advance(tier, claimed)
      return { token, jobs: order?.map((place) => jobs[place]!) ?? jobs, nowMs }
    } catch (error) {
      this.#inDoubt = true
      throw error
    } finally {
      this.#claiming--
    }
  }

  /** Ends jobs that have expired or were cancelled while they waited, and notes that the others run. */
  async #worthRunning ({ token, jobs, nowMs }: Taken): Promise<readonly ClaimedJob[]> {
    const ends = new Map<string, JobOutcome>()
    const tracked: ClaimedJob[] = []
    for (const job of jobs) {
      if (job.expiresAtMs !== undefined && job.expiresAtMs <= nowMs)
        ends.set(job.id, { id: job.id, kind: 'expired' })
      else if (job.tracked) tracked.push(job)
    }
    if (tracked.length > 0) {
      for (const id of await this.#begin(token, tracked)) ends.set(id, { id, kind: 'cancelled' })
    }
    if (ends.size === 0) return jobs
    await this.#settle(token, [...ends.values()])
    return jobs.filter(({ id }) => !ends.has(id))
  }

  /** @returns who was cancelled */
  async #begin (token: bigint, tracked: readonly ClaimedJob[]): Promise<readonly string[]> {
    try {
      const values = [tracked.map(({ id }) => id), tracked.map(({ attempt }) => attempt)]
      const { rows } = await this.#pool.query<{ id: string }>({ ...this.#sql.begin, values })
      return rows.map(({ id }) => id)
    } catch (error) {
      // Whether one was cancelled is not known, so none may run.
      await this.giveBack(token).catch(() => {
        this.#held.delete(token)
        this.#inDoubt = true
      })
      throw error
    }
  }

  #advance (tier: string, claimed: readonly UnpackedJob[]): void {
    const highest = new Map<number, bigint>()
    for (const { rank, tag } of claimed) {
      const known = highest.get(rank)
      if (known === undefined || known < tag) highest.set(rank, tag)
    }
    for (const [rank, tag] of highest) this.#tags.advance({ tier, rank }, tag)
    this.#exchange.changed()
  }
}

interface Taken {
  readonly token: bigint
  readonly jobs: readonly ClaimedJob[]
  readonly nowMs: number
}

/** Whether one starts before the other: negative when it does. */
function compare (one: UnpackedJob, other: UnpackedJob): number {
  if (one.suspect !== other.suspect) return one.suspect ? -1 : 1
  if (one.rank !== other.rank) return one.rank - other.rank
  return one.tag === other.tag ? 0 : one.tag < other.tag ? -1 : 1
}

/**
 * Places of jobs in the order in which they should start; `undefined` where they are in it. A lease has them as they
 * lay in the table, which is nearly that order.
 */
function inOrder (jobs: readonly UnpackedJob[]): readonly number[] | undefined {
  const isInOrder = jobs.every((job, place) => place === 0 || compare(jobs[place - 1]!, job) <= 0)
  return isInOrder ?
    undefined :
    jobs.map((_, place) => place).toSorted((one, other) => compare(jobs[one]!, jobs[other]!))
}
