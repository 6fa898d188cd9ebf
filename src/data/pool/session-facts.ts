import type { PoolClient } from 'pg'

interface SessionFacts {
  readonly pid: number
  readonly ms: number
}

const factsQuery = 'SELECT pg_backend_pid() AS pid, ' +
  "1000 * extract(epoch FROM current_setting('statement_timeout')::interval)::float8 AS ms"

/**
 * Reads a new session's own statement timeout, once, before its first statement.
 *
 * Behind a pooler the server's process is not the one that the connection was told at its start. There, a
 * setting of the session would go to whoever gets the server's session next, so that none is made.
 *
 * @param found hears the default in milliseconds, infinite for none; nothing behind a pooler
 */
export function readSession (
  client: PoolClient,
  send: (text: string, values: undefined, callback: (error: unknown, result: unknown) => void) => unknown,
  found: (defaultMs: number) => void
): void {
  const { processID } = client as unknown as { readonly processID: number | null }
  send(factsQuery, undefined, (error, result) => {
    if (error !== null && error !== undefined) return
    const [facts] = (result as { readonly rows: readonly SessionFacts[] }).rows
    if (facts === undefined || facts.pid !== processID) return
    found(facts.ms === 0 ? Number.POSITIVE_INFINITY : facts.ms)
  })
}
