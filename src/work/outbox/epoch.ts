import type { OutboxNames } from './outbox-names.ts'

/** The server's identity; another one after `initdb`, so after a restore into a new server. */
export const clusterNow: string = '(SELECT system_identifier FROM pg_control_system())'

/** A transaction id as a number to count with, which PostgreSQL's type for it is not. */
export function asNumber (xid: string): string {
  return `${xid}::text::bigint`
}

/** The lowest transaction id that is still running; the next one when there is none. */
export const lowestRunning: string = asNumber('pg_snapshot_xmin(pg_current_snapshot())')

/**
 * Begins the next epoch where the state tells of another server: the database is a copy, whose transaction ids have
 * restarted. It runs in the transaction that is the first to need it; others wait for that, and find it done.
 */
export function moveInTo ({ state }: OutboxNames): string {
  return `UPDATE ${state} SET cluster = ${clusterNow}, epoch = epoch + 1 WHERE cluster <> ${clusterNow}`
}
