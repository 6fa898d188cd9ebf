import type { Transaction } from '../../../data/index.ts'
import { deadColumns, type JobFailure } from '../failure/index.ts'
import type { HeldJob } from './boss-queue.ts'

/** A job that has died. */
export interface Dying {
  /** With the run in which it died. */
  readonly job: HeldJob
  readonly tier: string
  readonly error: JobFailure
}

/** Writes dead letters where those of every store are, so that they are looked at and redriven alike. */
export async function bury (tx: Transaction, letters: string, dying: readonly Dying[]): Promise<void> {
  if (dying.length === 0) return
  const rows = dying.map(({ job, tier, error }) => ({
    id: job.id,
    name: job.name,
    tier,
    tenant: job.tenant,
    priority: job.priority,
    weight: job.weight,
    attempts: job.attempts,
    tracked: job.tracked,
    unique_key: job.unique?.key,
    context: job.context,
    payload: job.payload,
    enqueued_at: new Date(job.enqueuedAtMs),
    attempt: job.attempt,
    fingerprint: error.fingerprint,
    version: error.version ?? '',
    error,
  }))
  const columns = deadColumns.join(', ')
  await tx.query(
    `INSERT INTO ${letters} (${columns}) SELECT ${columns} FROM jsonb_populate_recordset(NULL::${letters}, $1)`,
    [JSON.stringify(rows)]
  )
}
