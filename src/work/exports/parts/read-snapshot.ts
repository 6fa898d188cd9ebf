import type { Readable } from 'node:stream'
import type { Pool, PoolClient } from 'pg'
import { exportRows, type StreamQuery } from '../../../data/index.ts'
import type { ExportFormat } from './row-counter.ts'

/** Which state of the database all rows of an export are of. */
export interface OneSnapshot {
  /** When it was taken, by the database's clock. */
  readonly at: string
  /** Where the write-ahead log stood just after that: nothing that was committed past it is in the export. */
  readonly lsn: string
  /** Exactly which transactions it shows, as `pg_current_snapshot()` writes it. */
  readonly transactions: string
}

/**
 * All rows of a query, of one snapshot that is told.
 *
 * @throws as `exportRows`
 */
export async function readSnapshot (
  pool: Pool,
  query: StreamQuery,
  format: ExportFormat
): Promise<{ readonly rows: Readable; readonly snapshot: OneSnapshot }> {
  const client = await pool.connect()
  const keep = ownTransaction(client)
  try {
    await client.query('begin isolation level repeatable read read only')
    const { rows: [snapshot] } = await client.query<OneSnapshot>(
      `select to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at,
        pg_current_snapshot()::text as transactions,
        (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end)::text as lsn`
    )
    // It begins what has begun already, which PostgreSQL only remarks upon: the snapshot stays.
    const rows = await exportRows({ connect: async () => client } as unknown as Pool, query, { format })
    keep.isStreaming = true
    return { rows, snapshot: snapshot! }
  } catch (error) {
    keep.giveBack()
    throw error
  }
}

interface Loan {
  isStreaming: boolean
  /** Unless the stream has. */
  giveBack(): void
}

/** A client that comes back before its stream has ended it is in a transaction, and must not serve anybody else. */
function ownTransaction (client: PoolClient): Loan {
  const release = client.release
  let isBack = false
  const back = (error: Error | boolean | undefined): void => {
    if (isBack) return
    isBack = true
    release.call(client, error)
  }
  const loan: Loan = {
    isStreaming: false,
    giveBack: () => back(new Error('the transaction did not end')),
  }
  client.release = (error) => loan.isStreaming ? back(error) : loan.giveBack()
  return loan
}
