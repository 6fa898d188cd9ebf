import type { Transaction } from '../../../data/index.ts'
import type { JobFailure } from '../failure/index.ts'
import type { JobReceipt, JobState, NewJob } from '../store/index.ts'
import type { BossTables } from './boss-tables.ts'

/** What becomes of a tracked job, all at once: absent parts stay as they were. */
export interface ReceiptChange {
  readonly id: string
  readonly state: JobState
  readonly attempt?: number
  readonly result?: string | undefined
  readonly error?: JobFailure | undefined
}

interface ReceiptRow {
  readonly id: string
  readonly name: string
  readonly tier: string
  readonly tenant: string
  readonly state: JobState
  readonly attempt: number
  readonly progress: string | null
  readonly result: string | null
  readonly error: JobFailure | null
  readonly enqueued_ms: number
  readonly changed_ms: number
}

/** Receipts of tracked jobs; pg-boss keeps outputs, but neither progress nor what was cancelled while it ran. */
export class BossReceipts {
  readonly #tables: BossTables

  constructor (tables: BossTables) {
    this.#tables = tables
  }

  /** For new jobs, and for those that come again after their end. */
  async open (tx: Transaction, jobs: readonly NewJob[]): Promise<void> {
    const tracked = jobs.filter((job) => job.tracked)
    if (tracked.length === 0) return
    const rows = tracked.map(({ id, name, tier, tenant }) => ({ id, name, tier, tenant }))
    await tx.query(
      `INSERT INTO ${this.#tables.receipt} (id, name, tier, tenant, state, attempt)
      SELECT id, name, tier, tenant, 'waiting', 0
      FROM jsonb_to_recordset($1) AS row (id uuid, name text, tier text, tenant text)
      ON CONFLICT (id) DO UPDATE SET state = 'waiting', attempt = 0, result = NULL, error = NULL, changed_at = now()`,
      [JSON.stringify(rows)]
    )
  }

  async change (tx: Transaction, changes: readonly ReceiptChange[]): Promise<void> {
    if (changes.length === 0) return
    await tx.query(
      `UPDATE ${this.#tables.receipt} AS known SET state = row.state, attempt = coalesce(row.attempt, known.attempt),
        result = coalesce(row.result, known.result),
        error = CASE WHEN row.state = 'done' THEN NULL ELSE coalesce(row.error, known.error) END, changed_at = now()
      FROM jsonb_to_recordset($1) AS row (id uuid, state text, attempt smallint, result text, error jsonb)
      WHERE known.id = row.id`,
      [JSON.stringify(changes)]
    )
  }

  /** @returns whether the job is tracked, and still held under the token */
  async progress (tx: Transaction, token: bigint, id: string, progress: string): Promise<boolean> {
    const { lease, receipt } = this.#tables
    const { rowCount } = await tx.query(
      `UPDATE ${receipt} SET progress = $3, changed_at = now()
      WHERE id = $2 AND EXISTS (SELECT FROM ${lease} WHERE token = $1 AND $2::uuid = ANY (ids))`,
      [token, id, progress]
    )
    return rowCount === 1
  }

  async read (tx: Transaction, ids: readonly string[]): Promise<readonly JobReceipt[]> {
    const { rows } = await tx.query<ReceiptRow>(
      `SELECT id, name, tier, tenant, state, attempt, progress, result, error,
        (extract(epoch FROM enqueued_at) * 1000)::float8 AS enqueued_ms,
        (extract(epoch FROM changed_at) * 1000)::float8 AS changed_ms
      FROM ${this.#tables.receipt} WHERE id = ANY ($1::uuid[])`,
      [ids]
    )
    return rows.map((
      { progress, result, error, enqueued_ms: enqueuedAtMs, changed_ms: changedAtMs, ...row }
    ) => ({
      ...row,
      ...(progress === null ? {} : { progress }),
      ...(result === null ? {} : { result }),
      ...(error === null ? {} : { error }),
      enqueuedAtMs,
      changedAtMs,
    }))
  }

  async sweep (tx: Transaction, olderMs: number): Promise<void> {
    await tx.query(
      `DELETE FROM ${this.#tables.receipt} WHERE changed_at < now() - $1::float8 * interval '1 ms'
        AND state IN ('done', 'dead', 'cancelled', 'expired')`,
      [olderMs]
    )
  }
}
