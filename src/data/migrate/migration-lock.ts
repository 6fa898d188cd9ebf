import type pg from 'pg'
import { type Clock, sleep } from '../../kernel/index.ts'
import { MigrationLockedError } from './errors.ts'

const pollMs = 100

export interface LockOptions {
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  /** Hears once who holds the lock, when somebody does. */
  readonly log: (message: string) => void
}

/**
 * Takes the migration lock of a schema for as long as the connection lives, so that it cannot be left behind.
 *
 * It asks again and again instead of waiting in PostgreSQL: a session that waits there holds a snapshot, for
 * which the holder's CREATE INDEX CONCURRENTLY would wait in turn, for ever.
 *
 * @throws MigrationLockedError when the signal aborts before it is free
 */
export async function takeLock (client: pg.PoolClient, schema: string, options: LockOptions): Promise<void> {
  const { clock, signal, log } = options
  let holder: string | undefined
  while (!(await tryLock(client, schema))) {
    if (holder === undefined) {
      holder = await findHolder(client, schema)
      log(`waiting for the migrations of schema ${schema}, which ${holder} runs`)
    }
    try {
      await sleep(clock, pollMs, signal)
    } catch (error) {
      throw new MigrationLockedError(schema, holder, error)
    }
  }
}

const key = `hashtextextended('plimsoll.migrate.' || $1, 0)`

async function tryLock (client: pg.PoolClient, schema: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS locked`, [
    schema,
  ])
  return rows[0]?.locked === true
}

/** @see https://www.postgresql.org/docs/18/view-pg-locks.html how a 64-bit key is shown in two halves */
async function findHolder (client: pg.PoolClient, schema: string): Promise<string> {
  const { rows } = await client.query<{ pid: number; application: string; address: string | null }>(
    `SELECT activity.pid, application_name AS application, host(client_addr) AS address
      FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
      WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid::bigint = (${key} >> 32) & 4294967295 AND objid::bigint = ${key} & 4294967295`,
    [schema]
  )
  const [found] = rows
  if (found === undefined) return 'a process that just finished'
  return `process ${found.pid} (${found.application}) from ${found.address ?? 'a local socket'}`
}
