import type { Pool } from 'pg'
import { type Transaction, transaction } from '../../../data/index.ts'
import { type Cancel, type Clock, finishing, runWithoutContext, sleep } from '../../../kernel/index.ts'
import { isInDoubt } from './doubt.ts'
import type { HeldBatch, HeldBatches } from './held-batches.ts'
import type { JobOutcome } from './job-store.ts'
import type { SettleStatements } from './settle-sql.ts'
import { settlementRows } from './settlement-rows.ts'
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
    const place = batch?.placeOf(outcome.id) ?? -1
    if (batch === undefined || place < 0) return false
    batch.doubt(place)
    const ends = batch.jobs.length === 1
    const { sql, values } = this.#statement(batch, [place], [outcome], { ends, apart: true })
    const { rows } = await tx.query({ ...sql, values })
    this.#finishSoon(batch)
    return rows.length > 0
  }

  close (): void {
    this.#cancelFinish?.()
  }

  async #settleNow (batch: HeldBatch, outcomes: readonly JobOutcome[]): Promise<readonly string[]> {
    const lost: string[] = []
    const ours: JobOutcome[] = []
    const places: number[] = []
    for (const outcome of outcomes) {
      const place = batch.placeOf(outcome.id)
      if (place < 0) lost.push(outcome.id)
      else if (batch.isDoubtful(place)) {
        if (!await this.#settleDoubtful(batch, place, outcome)) lost.push(outcome.id)
      } else {
        ours.push(outcome)
        places.push(place)
      }
    }
    if (ours.length === 0) return lost
    const ends = ours.length === batch.left && !batch.isApart
    const wasOurs = await this.#write(batch, places, ours, ends)
    for (const place of places) batch.end(place)
    if (!wasOurs || ends) this.#held.delete(batch.token)
    else this.#finishSoon(batch)
    return wasOurs ? lost : outcomes.map(({ id }) => id)
  }

  /** @returns whether it was still ours */
  async #write (
    batch: HeldBatch,
    places: readonly number[],
    outcomes: readonly JobOutcome[],
    ends: boolean
  ): Promise<boolean> {
    const { sql, values } = this.#statement(batch, places, outcomes, { ends, apart: false })
    for (let tries = 1;; tries++) {
      try {
        const { rows } = await this.#pool.query({ ...sql, values })
        if (rows.length > 0) return true
        return tries > 1 && await this.#wasSettled(batch, places)
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
  async #settleDoubtful (batch: HeldBatch, place: number, outcome: JobOutcome): Promise<boolean> {
    const { sql, values } = this.#statement(batch, [place], [outcome], { ends: false, apart: false })
    const wasOurs = await transaction(this.#pool, async (tx) => {
      await tx.query({ ...this.#sql.lock, values: [batch.token] })
      const { rows } = await tx.query({ ...sql, values })
      return rows.length > 0
    })
    batch.end(place)
    this.#finishSoon(batch)
    return wasOurs
  }

  /** After a try whose answer did not come: what is gone while the lease holds, that try has settled. */
  async #wasSettled (batch: HeldBatch, places: readonly number[]): Promise<boolean> {
    const values = [batch.token, places.map((place) => place + 1)]
    const { rows: [row] } = await this.#pool.query<{ settled: boolean }>({ ...this.#sql.wasSettled, values })
    return row?.settled ?? this.#held.isCertain(batch)
  }

  #statement (
    batch: HeldBatch,
    places: readonly number[],
    outcomes: readonly JobOutcome[],
    how: { readonly ends: boolean; readonly apart: boolean }
  ): { readonly sql: Statement; readonly values: unknown[] } {
    const rows = settlementRows(outcomes, places.map((place) => batch.jobs[place]!))
    const sql = this.#sql.settle({
      ...how,
      later: rows.later.length > 0,
      dead: rows.dead.length > 0,
      receipts: rows.receipts.length > 0,
      keys: rows.keys.length > 0,
      gates: rows.gates.length > 0,
    })
    const values: unknown[] = [batch.token, how.ends ? places.length : places.map((place) => place + 1)]
    for (const each of [rows.later, rows.dead, rows.receipts, rows.keys, rows.gates])
      if (each.length > 0) values.push(JSON.stringify(each))
    return { sql, values }
  }

  /** Removes the lease once transactions that settled the last of its jobs have committed; nobody tells when. */
  #finishSoon (batch: HeldBatch): void {
    if (batch.left > batch.doubtful) return
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
