import type { Pool, PoolClient, QueryResultRow } from 'pg'

/** What a new session is asked once, before its first statement. */
export interface SessionFacts {
  /** Its own statement timeout, in milliseconds; infinite for none. */
  readonly defaultMs: number
  /**
   * A pooler stands between: the server's process is not the one that the connection was told at its start.
   * There, settings and prepared statements of the session would go to whoever gets the server's session next.
   */
  readonly pooled: boolean
}

interface FactsRow {
  readonly pid: number
  readonly ms: number
}

const factsQuery = 'SELECT pg_backend_pid() AS pid, ' +
  "1000 * extract(epoch FROM current_setting('statement_timeout')::interval)::float8 AS ms"

/** @param found hears the facts; `undefined` when the question failed, which the next statement will show */
export function readSession (
  client: PoolClient,
  send: (text: string, values: undefined, callback: (error: unknown, result: unknown) => void) => unknown,
  found: (facts: SessionFacts | undefined) => void
): void {
  const { processID } = client as unknown as { readonly processID: number | null }
  send(factsQuery, undefined, (error, result) => {
    if (error !== null && error !== undefined) return found(undefined)
    const [row] = (result as { readonly rows: readonly FactsRow[] }).rows
    if (row === undefined) return found(undefined)
    found({ defaultMs: row.ms === 0 ? Number.POSITIVE_INFINITY : row.ms, pooled: row.pid !== processID })
  })
}

/** @returns the only row of `sql`, and whether a pooler stands between */
export async function readPool<Row extends QueryResultRow> (
  pool: Pool,
  sql: string
): Promise<{ readonly pooled: boolean; readonly row: Row }> {
  const client = await pool.connect()
  try {
    const { rows: [row] } = await client.query<Row>(sql)
    const { rows: [process] } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const { processID } = client as unknown as { readonly processID: number | null }
    return { pooled: process?.pid !== processID, row: row! }
  } finally {
    client.release()
  }
}
