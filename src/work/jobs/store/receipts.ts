import type { Pool } from 'pg'
import { type Transaction, transaction } from '../../../data/index.ts'
import type { HeldBatches } from './held-batches.ts'
import type { JobSpec } from './job-spec.ts'
import type { JobFailure, JobReceipt, JobState } from './job-store.ts'
import { packHasSql } from './lease-pack.ts'
import { msOf, type Statement, statement } from './statement.ts'
import type { JobTables } from './tables.ts'

interface ReceiptRow {
  readonly id: string
  readonly name: string
  readonly tier: string
  readonly tenant: string
  readonly state: JobState
  readonly attempt: number
  readonly enqueued_ms: string
  readonly changed_ms: string
  readonly progress: string | null
  readonly result: string | null
  readonly error: string | null
}

interface CancelledRow {
  readonly name: string
  readonly tier: string
  readonly tenant: string
  readonly spec: string
  /** It had a place in its tenant's cap. */
  readonly had_place: boolean
}

type ReceiptStatements = Readonly<
  Record<
    'read' | 'progress' | 'cancelTracked' | 'cancelWaiting' | 'cancelRunning' | 'dropKey' | 'leaveGate',
    Statement
  >
>

function receiptStatements (
  { job, later, held, lease, receipt, unique, gate }: JobTables
): ReceiptStatements {
  const columns = 'name, tier, tenant, spec'
  return {
    read: statement(`
      SELECT id, name, tier, tenant, state, attempt, ${msOf('enqueued_at')} AS enqueued_ms, ${
      msOf('changed_at')
    } AS changed_ms, progress, result, error
      FROM ${receipt} WHERE id = ANY ($1::uuid[])`),
    progress: statement(`
      WITH mine AS (SELECT FROM ${lease} WHERE token = $2 AND lease_until > now())
      UPDATE ${receipt} SET progress = $3, changed_at = now()
      WHERE id = $1 AND state IN ('running', 'cancelling') AND EXISTS (SELECT FROM mine)`),
    cancelTracked: statement(`
      UPDATE ${receipt} SET state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE 'cancelling' END, changed_at = now()
      WHERE id = $1 AND state IN ('waiting', 'running', 'cancelling') RETURNING state`),
    // One statement a table; of the table of what waits it reads all of it.
    cancelWaiting: statement(`
      WITH of_later AS (DELETE FROM ${later} WHERE id = $1 RETURNING ${columns}),
        of_held AS (DELETE FROM ${held} WHERE id = $1 RETURNING ${columns}),
        of_job AS (DELETE FROM ${job} WHERE id = $1 RETURNING ${columns})
      SELECT *, false AS had_place FROM of_later UNION ALL SELECT *, false FROM of_held
      UNION ALL SELECT *, true FROM of_job`),
    cancelRunning: statement(`
      UPDATE ${lease} SET cancelling = cancelling || $1::uuid
      WHERE ${packHasSql('$1')} RETURNING token`),
    dropKey: statement(`DELETE FROM ${unique} WHERE name = $1 AND key = $2 AND job = $3 AND until IS NULL`),
    leaveGate: statement(`UPDATE ${gate} SET open = greatest(0, open - 1) WHERE tier = $1 AND tenant = $2`),
  }
}

/** What is known of tracked jobs, and how jobs are stopped. */
export class Receipts {
  readonly #pool: Pool
  readonly #sql: ReceiptStatements
  readonly #held: HeldBatches

  constructor (pool: Pool, tables: JobTables, held: HeldBatches) {
    this.#pool = pool
    this.#sql = receiptStatements(tables)
    this.#held = held
  }

  async read (ids: readonly string[]): Promise<readonly JobReceipt[]> {
    const { rows } = await this.#pool.query<ReceiptRow>({ ...this.#sql.read, values: [ids] })
    return rows.map(receiptOf)
  }

  async progress (token: bigint, id: string, progress: string): Promise<boolean> {
    if ((this.#held.get(token)?.placeOf(id) ?? -1) < 0) return false
    const { rowCount } = await this.#pool.query({ ...this.#sql.progress, values: [id, token, progress] })
    return rowCount === 1
  }

  async cancel (id: string): Promise<'cancelled' | 'cancelling' | 'done' | 'unknown'> {
    const isTracked = (await this.read([id])).length > 0
    return await transaction(this.#pool, async (tx) => {
      if (isTracked) {
        const { rows: [row] } = await tx.query<{ state: JobState }>({
          ...this.#sql.cancelTracked,
          values: [id],
        })
        if (row === undefined) return 'done'
        if (row.state === 'cancelled') await this.#removeWaiting(tx, id)
        else await tx.query({ ...this.#sql.cancelRunning, values: [id] })
        return row.state === 'cancelled' ? 'cancelled' : 'cancelling'
      }
      if (await this.#removeWaiting(tx, id)) return 'cancelled'
      const { rowCount } = await tx.query({ ...this.#sql.cancelRunning, values: [id] })
      return rowCount === 0 ? 'unknown' : 'cancelling'
    })
  }

  async #removeWaiting (tx: Transaction, id: string): Promise<boolean> {
    const { rows: [row] } = await tx.query<CancelledRow>({ ...this.#sql.cancelWaiting, values: [id] })
    if (row === undefined) return false
    const { u: unique, cap } = JSON.parse(row.spec) as JobSpec
    if (unique !== undefined) await tx.query({ ...this.#sql.dropKey, values: [row.name, unique[0], id] })
    if (cap !== undefined && row.had_place)
      await tx.query({ ...this.#sql.leaveGate, values: [row.tier, row.tenant] })
    return true
  }
}

function receiptOf (row: ReceiptRow): JobReceipt {
  const { id, name, tier, tenant, state, attempt, progress, result, error } = row
  return {
    id,
    name,
    tier,
    tenant,
    state,
    attempt,
    ...(progress === null ? {} : { progress }),
    ...(result === null ? {} : { result }),
    ...(error === null ? {} : { error: JSON.parse(error) as JobFailure }),
    enqueuedAtMs: Number(row.enqueued_ms),
    changedAtMs: Number(row.changed_ms),
  }
}
