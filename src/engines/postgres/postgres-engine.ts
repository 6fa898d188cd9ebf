import type pg from 'pg'
import { SettingError, untilAborted } from '../../kernel/index.ts'
import type { Engine } from '../engine.ts'
import { EngineClosedError, EngineUnavailableError } from '../errors.ts'
import { HeldClient } from '../held-client.ts'
import { explainConnectError } from './explain.ts'
import { clientFor, Hosts } from './hosts.ts'
import { quoteIdentifier } from './identifier.ts'

export interface PostgresEngineOptions {
  /**
   * `postgres://user:password@host:port/database`; `?host=/directory` takes a UNIX socket instead. Several hosts,
   * separated by commas, are tried in turn, with `?target_session_attrs=read-write` until one writes.
   */
  readonly url: string
  /** Connections at most, at least 1; one more is kept for `check`. @default 10 */
  readonly poolSize?: number
  /** What `pg_stat_activity` shows. @default 'plimsoll' */
  readonly applicationName?: string
  /**
   * Unqualified names mean this schema, then `public`. It is sent with the start of each connection and costs
   * no round trip; PgBouncer takes it from version 1.20 on. @default the server's own search path
   */
  readonly schema?: string
  /** How long to wait for a connection, new or from the pool, in milliseconds. @default 5,000 */
  readonly connectTimeoutMs?: number
  /** Hears of idle connections that broke. The pool replaces them; nothing needs to be done. */
  readonly onIdleError?: (error: Error) => void
}

/**
 * A pool of connections to PostgreSQL 13 or later. It replaces broken connections by itself, so the service
 * may keep the pool over a restart of the server.
 *
 * @throws SettingError for a wrong URL or pool size; it never repeats the URL, which may hold a password
 */
export function postgresEngine (options: PostgresEngineOptions): Engine<pg.Pool> {
  const { poolSize = 10, connectTimeoutMs = 5_000, applicationName = 'plimsoll', onIdleError } = options
  if (!Number.isInteger(poolSize) || poolSize < 1) {
    throw new SettingError('database.poolSize', 'a whole number of at least 1', poolSize)
  }
  const hosts = new Hosts(options.url, 'database.url')
  const { target } = hosts
  const urlOf = (url: string): string => withSearchPath(url, options.schema)
  const config: pg.PoolConfig = {
    connectionString: urlOf(hosts.current),
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  }

  const unavailable = (error: unknown): EngineUnavailableError =>
    new EngineUnavailableError('postgres', target, explainConnectError(error), error)

  const pools = new HeldClient('postgres', async () => {
    const { default: pg } = await loadPg()
    const Client = hosts.isPlain ? pg.Client : clientFor(pg.Client, hosts, urlOf)
    const pool = new pg.Pool({ ...config, Client, max: poolSize, application_name: applicationName })
    // Without listeners, a connection that the server closes would end the process: an idle one by the pool's
    // event, one in use by its own, beside the rejection of the statement that it was running.
    pool.on('error', (error) => onIdleError?.(error))
    pool.on('connect', (client) => client.on('error', () => {}))
    try {
      const client = await firstOf(hosts.urls.length, () => pool.connect())
      client.release()
      return pool
    } catch (error) {
      await pool.end()
      throw unavailable(error)
    }
  }, (pool) => pool.end())

  // Its own connection: a check must not queue behind the service's statements.
  const checks = new HeldClient('postgres', async () => {
    const { default: pg } = await loadPg()
    const Client = hosts.isPlain ? pg.Client : clientFor(pg.Client, hosts, urlOf)
    const open = async (): Promise<pg.Client> => {
      const client = new Client({ ...config, application_name: `${applicationName} check` })
      client.on('error', () => checks.forget(client))
      client.on('end', () => checks.forget(client))
      await client.connect()
      return client
    }
    try {
      return await firstOf(hosts.urls.length, open)
    } catch (error) {
      throw unavailable(error)
    }
  }, (client) => client.end())

  async function check (signal: AbortSignal): Promise<void> {
    const opening = checks.get()
    try {
      const client = await untilAborted(opening, signal)
      await untilAborted(client.query('SELECT 1'), signal)
    } catch (error) {
      if (error instanceof EngineClosedError || error instanceof EngineUnavailableError) throw error
      // A connection that hangs would hang the next check too; `end` cuts it when a statement is in flight.
      checks.discard(opening)
      if (!signal.aborted) throw unavailable(error)
      throw new EngineUnavailableError('postgres', target, 'it did not answer in time', signal.reason)
    }
  }

  async function close (): Promise<void> {
    await Promise.all([pools.close(), checks.close()])
  }

  return { name: 'postgres', connect: () => pools.get(), check, close, [Symbol.asyncDispose]: close }
}

/** @throws what the last of `tries` attempts threw */
async function firstOf<Result> (tries: number, attempt: () => Promise<Result>): Promise<Result> {
  for (let left = tries; left > 1; left--) {
    try {
      return await attempt()
    } catch {
      // another server may do
    }
  }
  return attempt()
}

function withSearchPath (url: string, schema: string | undefined): string {
  if (schema === undefined) return url
  const withPath = new URL(url)
  const given = withPath.searchParams.get('options')
  const path = `-c search_path=${escapeOption(`${quoteIdentifier(schema)},public`)}`
  withPath.searchParams.set('options', given === null ? path : `${given} ${path}`)
  return withPath.href
}

/** @see https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNECT-OPTIONS */
function escapeOption (value: string): string {
  return value.replaceAll(/[\\\s]/g, (character) => `\\${character}`)
}

/** On first use: a process without a database, such as the supervisor, starts without it. */
function loadPg (): Promise<typeof import('pg')> {
  return import('pg')
}
