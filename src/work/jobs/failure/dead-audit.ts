import type { Transaction } from '../../../data/index.ts'
import type { Duration } from '../../../kernel/index.ts'
import { deadTables } from './dead-table.ts'

/** How long it is kept what people did with dead letters, unless somebody says otherwise. */
export const auditKept: Duration = '90d'

/** Notes of one sweep, at most. */
const most = 5_000

/** Drops notes of what people did with letters longer ago than that, but for letters that are still there. */
export async function sweepAudit (
  tx: Pick<Transaction, 'query'>,
  schema: string | undefined,
  keptMs: number
): Promise<void> {
  const { letters, audit } = deadTables(schema)
  await tx.query(
    `DELETE FROM ${audit} WHERE number = ANY (ARRAY (
      SELECT number FROM ${audit} AS note
      WHERE at < now() - $1::float8 * interval '1 ms' AND NOT EXISTS (SELECT FROM ${letters} WHERE id = note.job)
      ORDER BY at LIMIT ${most} FOR UPDATE SKIP LOCKED
    ))`,
    [keptMs]
  )
}
