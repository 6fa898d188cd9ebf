import type { Pool } from 'pg'
import type { Clock } from '../../../kernel/index.ts'
import type { ClaimStatements } from './claim-sql.ts'
import type { FairExchange } from './fair-exchange.ts'
import type { FairTags } from './fair-tags.ts'
import type { HeldBatches } from './held-batches.ts'
import { claimedJob, type ClaimedRow } from './job-spec.ts'
import type { ClaimedBatch, ClaimedJob, ClaimRequest, JobOutcome, Renewed } from './job-store.ts'

interface ClaimedLease {
  readonly token: string
  readonly jobs: string
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
    const given = (ids ?? [...batch.left]).filter((id) => batch.left.has(id) && !batch.apart.has(id))
    if (given.length === 0) return
    const isWhole = given.length === batch.left.size && batch.apart.size === 0
    const positions = isWhole ? null : given.map((id) => batch.jobs.get(id)?.at)
    await this.#pool.query({ ...this.#sql.giveBack, values: [token, positions] })
    for (const id of given) batch.left.delete(id)
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
      const sql = this.#sql.claim(names !== undefined, false)
      const { rows: [row] } = await this.#pool.query<ClaimedLease>({ ...sql, values })
      if (row === undefined) return undefined
      const token = BigInt(row.token)
      const claimed = JSON.parse(row.jobs) as readonly ClaimedRow[]
      const nowMs = Number(row.now_ms)
      const jobs = claimed.map((each, index) => ({ job: claimedJob(each, tier, nowMs), at: index + 1 }))
      this.#held.add(token, jobs, sentMs + leaseMs)
      this.#advance(tier, claimed)
      return { token, jobs: inOrder(claimed).map((index) => jobs[index]!.job), nowMs }
    } catch (error) {
      this.#inDoubt = true
      throw error
    } finally {
      this.#claiming--
    }
  }

  /** Ends jobs that have expired or were cancelled while they waited, and notes that the others run. */
  async #worthRunning ({ token, jobs, nowMs }: Taken): Promise<readonly ClaimedJob[]> {
    const expired = jobs.filter(({ expiresAtMs }) => expiresAtMs !== undefined && expiresAtMs <= nowMs)
    const tracked = jobs.filter((job) => job.tracked && !expired.includes(job))
    const cancelled = tracked.length === 0 ? new Set<string>() : await this.#begin(token, tracked)
    if (expired.length === 0 && cancelled.size === 0) return jobs
    const late = new Set(expired.map(({ id }) => id))
    const outcomes = jobs.flatMap(({ id }): readonly JobOutcome[] =>
      late.has(id) ? [{ id, kind: 'expired' }] : cancelled.has(id) ? [{ id, kind: 'cancelled' }] : []
    )
    await this.#settle(token, outcomes)
    return jobs.filter(({ id }) => !late.has(id) && !cancelled.has(id))
  }

  async #begin (token: bigint, tracked: readonly ClaimedJob[]): Promise<ReadonlySet<string>> {
    try {
      const values = [tracked.map(({ id }) => id), tracked.map(({ attempt }) => attempt)]
      const { rows } = await this.#pool.query<{ id: string }>({ ...this.#sql.begin, values })
      return new Set(rows.map(({ id }) => id))
    } catch (error) {
      // Whether one was cancelled is not known, so none may run.
      await this.giveBack(token).catch(() => {
        this.#held.delete(token)
        this.#inDoubt = true
      })
      throw error
    }
  }

  #advance (tier: string, claimed: readonly ClaimedRow[]): void {
    const highest = new Map<number, string>()
    for (const [, , , , rank, tag] of claimed) {
      const known = highest.get(rank)
      if (known === undefined || isLess(known, tag)) highest.set(rank, tag)
    }
    for (const [rank, tag] of highest) this.#tags.advance({ tier, rank }, BigInt(tag))
    this.#exchange.changed()
  }
}

interface Taken {
  readonly token: bigint
  readonly jobs: readonly ClaimedJob[]
  readonly nowMs: number
}

/** Compares tags as they are written, none of which is negative. */
function isLess (one: string, other: string): boolean {
  return one.length === other.length ? one < other : one.length < other.length
}

/** Indexes of rows in the order in which they should start; a lease keeps them as they lay in the table. */
function inOrder (rows: readonly ClaimedRow[]): readonly number[] {
  return rows.map((_, index) => index).toSorted((one, other) => {
    const [, , , , rank, tag, suspect] = rows[one]!
    const [, , , , otherRank, otherTag, otherSuspect] = rows[other]!
    if (suspect !== otherSuspect) return otherSuspect - suspect
    if (rank !== otherRank) return rank - otherRank
    return tag === otherTag ? 0 : isLess(tag, otherTag) ? -1 : 1
  })
}
