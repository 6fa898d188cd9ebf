import type { PoolClient } from 'pg'

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

interface Row {
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
    const [row] = (result as { readonly rows: readonly Row[] }).rows
    if (row === undefined) return found(undefined)
    found({ defaultMs: row.ms === 0 ? Number.POSITIVE_INFINITY : row.ms, pooled: row.pid !== processID })
  })
}
