import type { Pool } from 'pg'
import { type Transaction, transaction } from '../../../data/index.ts'
import { type Cancel, type Clock, finishing, runWithoutContext, sleep } from '../../../kernel/index.ts'
import { isInDoubt } from './doubt.ts'
import { stepOf } from './fair-tags.ts'
import type { HeldBatch, HeldBatches } from './held-batches.ts'
import { specText } from './job-spec.ts'
import type { ClaimedJob, JobOutcome } from './job-store.ts'
import type { SettleStatements } from './settle-sql.ts'
import type { Statement } from './statement.ts'

/** Between tries of a settlement whose answer did not come, in milliseconds. */
const pauseMs = 100

/** How long after a transaction settled a job its batch is looked at again, and how often, in milliseconds. */
const finishMs = 100

/** Writes how runs ended. */
export class Settler {
  readonly #pool: Pool
  readonly #sql: SettleStatements
  readonly #held: HeldBatches
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #finishing: Set<bigint> = new Set()
  #cancelFinish: Cancel | undefined

  constructor (
    options: {
      readonly pool: Pool
      readonly sql: SettleStatements
      readonly held: HeldBatches
      readonly clock: Clock
      readonly onError: (error: unknown) => void
    }
  ) {
    this.#pool = options.pool
    this.#sql = options.sql
    this.#held = options.held
    this.#clock = options.clock
    this.#onError = options.onError
  }

  async settle (token: bigint, outcomes: readonly JobOutcome[]): Promise<readonly string[]> {
    const batch = this.#held.get(token)
    if (batch === undefined) return outcomes.map(({ id }) => id)
    const settling = batch.settling.then(() => finishing(() => this.#settleNow(batch, outcomes)))
    batch.settling = settling.catch(() => {})
    return settling
  }

  async settleIn (tx: Transaction, token: bigint, outcome: JobOutcome): Promise<boolean> {
    const batch = this.#held.get(token)
    if (batch?.left.has(outcome.id) !== true) return false
    const isOnly = batch.jobs.size === 1
    batch.apart.add(outcome.id)
    const { sql, values } = this.#statement(batch, [outcome], { ends: isOnly, apart: true })
    const { rows } = await tx.query({ ...sql, values })
    this.#finishSoon(batch)
    return rows.length > 0
  }

  close (): void {
    this.#cancelFinish?.()
  }

  async #settleNow (batch: HeldBatch, outcomes: readonly JobOutcome[]): Promise<readonly string[]> {
    const [lost, plain, doubtful]: [string[], JobOutcome[], JobOutcome[]] = [[], [], []]
    for (const outcome of outcomes) {
      const { id } = outcome
      if (!batch.left.has(id)) lost.push(id)
      else if (batch.apart.has(id)) doubtful.push(outcome)
      else plain.push(outcome)
    }
    for (const outcome of doubtful) if (!await this.#settleDoubtful(batch, outcome)) lost.push(outcome.id)
    if (plain.length === 0) return lost
    const ends = plain.length === batch.left.size
    const wasOurs = await this.#write(batch, plain, ends)
    for (const { id } of plain) batch.left.delete(id)
    if (!wasOurs || ends) this.#held.delete(batch.token)
    else this.#finishSoon(batch)
    return wasOurs ? lost : outcomes.map(({ id }) => id)
  }

  /** @returns whether it was still ours */
  async #write (batch: HeldBatch, outcomes: readonly JobOutcome[], ends: boolean): Promise<boolean> {
    const { sql, values } = this.#statement(batch, outcomes, { ends, apart: false })
    for (let tries = 1;; tries++) {
      try {
        const { rows } = await this.#pool.query({ ...sql, values })
        if (rows.length > 0) return true
        return tries > 1 && await this.#wasSettled(batch, values[1])
      } catch (error) {
        // As long as the lease holds, nobody else has the jobs, and the same statement takes effect once.
        if (!isInDoubt(error) || !this.#held.isCertain(batch)) throw error
        await sleep(this.#clock, pauseMs)
      }
    }
  }

  /**
   * Settles a job that a transaction has settled, whose end is not known: it waits for that end, and writes nothing
   * where that was a commit.
   */
  async #settleDoubtful (batch: HeldBatch, outcome: JobOutcome): Promise<boolean> {
    const { sql, values } = this.#statement(batch, [outcome], { ends: false, apart: false })
    const wasOurs = await transaction(this.#pool, async (tx) => {
      await tx.query({ ...this.#sql.lock, values: [batch.token] })
      const { rows } = await tx.query({ ...sql, values })
      return rows.length > 0
    })
    batch.left.delete(outcome.id)
    batch.apart.delete(outcome.id)
    this.#finishSoon(batch)
    return wasOurs
  }

  /** After a try whose answer did not come: what is gone while the lease holds, that try has settled. */
  async #wasSettled (batch: HeldBatch, positions: unknown): Promise<boolean> {
    const values = [batch.token, positions]
    const { rows: [row] } = await this.#pool.query<{ settled: boolean }>({ ...this.#sql.wasSettled, values })
    return row?.settled ?? this.#held.isCertain(batch)
  }

  #statement (
    batch: HeldBatch,
    outcomes: readonly JobOutcome[],
    how: { readonly ends: boolean; readonly apart: boolean }
  ): { readonly sql: Statement; readonly values: unknown[] } {
    const ended = outcomes.map((outcome) => ({ outcome, ...batch.jobs.get(outcome.id)! }))
    const rows = {
      later: ended.flatMap(({ job, outcome }) => laterRow(job, outcome)),
      dead: ended.flatMap(({ job, outcome }) => deadRow(job, outcome)),
      receipts: ended.flatMap(({ job, outcome }) => receiptRow(job, outcome)),
      keys: ended.flatMap(({ job, outcome }) => keyRow(job, outcome)),
      gates: gateRows(ended.map(({ job }) => job)),
    }
    const sql = this.#sql.settle({
      ...how,
      later: rows.later.length > 0,
      dead: rows.dead.length > 0,
      receipts: rows.receipts.length > 0,
      keys: rows.keys.length > 0,
      gates: rows.gates.length > 0,
    })
    const written = Object.values(rows).filter(({ length }) => length > 0).map((each) => JSON.stringify(each))
    return { sql, values: [batch.token, ended.map(({ at }) => at), ...written] }
  }

  /** Removes the lease once transactions that settled the last of its jobs have committed; nobody tells when. */
  #finishSoon (batch: HeldBatch): void {
    if (batch.left.size > batch.apart.size) return
    this.#finishing.add(batch.token)
    this.#cancelFinish ??= this.#clock.after(finishMs, () => {
      this.#cancelFinish = undefined
      void this.finish().catch(this.#onError)
    })
  }

  /** Removes leases of which all was settled. */
  async finish (): Promise<void> {
    for (const token of this.#finishing) {
      const { rows: [row] } = await runWithoutContext(() =>
        this.#pool.query<{ left: number }>({ ...this.#sql.finish, values: [token] })
      )
      const batch = this.#held.get(token)
      if (row?.left !== 0 && batch !== undefined) this.#finishSoon(batch)
      else {
        this.#finishing.delete(token)
        this.#held.delete(token)
      }
    }
  }
}

function laterRow (job: ClaimedJob, outcome: JobOutcome): readonly object[] {
  if (outcome.kind !== 'retry' && outcome.kind !== 'snooze') return []
  const { id, enqueuedAtMs, attempt, priority, tracked, tier, name, tenant, payload, weight, cap } = job
  return [{
    id,
    at: outcome.atMs,
    enqueued: enqueuedAtMs,
    rank: 0 - priority,
    attempt: outcome.kind === 'retry' ? attempt + 1 : attempt,
    tracked,
    tier,
    name,
    tenant,
    spec: specText(job),
    payload,
    step: String(stepOf(weight)),
    cap,
  }]
}

function deadRow (job: ClaimedJob, outcome: JobOutcome): readonly object[] {
  if (outcome.kind !== 'dead') return []
  const { id, name, tier, tenant, priority, weight, attempts, cap, tracked, unique, context, payload } = job
  const [key, enqueued, { attempt }, { error }] = [unique?.key, job.enqueuedAtMs, job, outcome]
  return [{
    id,
    name,
    tier,
    tenant,
    priority,
    weight,
    attempts,
    cap,
    tracked,
    key,
    context,
    payload,
    enqueued,
    attempt,
    error,
  }]
}

function receiptRow (job: ClaimedJob, outcome: JobOutcome): readonly object[] {
  if (!job.tracked) return []
  const { id, kind } = outcome
  const state = kind === 'retry' || kind === 'snooze' ? 'waiting' : kind
  const result = kind === 'done' ? outcome.result : undefined
  const error = kind === 'retry' || kind === 'dead' ? JSON.stringify(outcome.error) : undefined
  return [{ id, state, result, error }]
}

/** A key without a window is free when its job has ended. */
function keyRow ({ id, name, unique }: ClaimedJob, { kind }: JobOutcome): readonly object[] {
  const isOver = kind !== 'retry' && kind !== 'snooze'
  return isOver && unique !== undefined && unique.untilMs === undefined ? [{ id, name, key: unique.key }] : []
}

/** Whatever becomes of it, a job of a capped tenant gives its place away; a retry has to come in again. */
function gateRows (jobs: readonly ClaimedJob[]): readonly object[] {
  const counts = new Map<string, { tier: string; tenant: string; count: number }>()
  for (const { cap, tier, tenant } of jobs) {
    if (cap === undefined) continue
    const known = counts.get(tenant)
    if (known === undefined) counts.set(tenant, { tier, tenant, count: 1 })
    else known.count++
  }
  return [...counts.values()]
}
