import { createHash, randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Engine } from '../engine.ts'
import { embeddedPostgres, type EmbeddedServer } from './embedded-postgres.ts'
import { isAlive } from './process-alive.ts'

/** A database of its own for one test or one test file. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  /** Drops the database, with whatever is still connected to it. */
  close(): Promise<void>
}

export interface TestDatabaseOptions {
  /**
   * Which server: that of most tests; or one whose transactions all end soon, for tests that read an outbox, since its
   * fence waits for the oldest transaction of the whole server, whoever's it is. @default 'common'
   */
  readonly server?: ServerName
}

type ServerName = 'common' | 'log'

/** A server that test files of a checkout share, in the system's temporary directory; initdb is paid once. */
function directoryOf (name: ServerName): string {
  const checkout = createHash('sha256').update(import.meta.url).digest('hex').slice(0, 8)
  const suffix = name === 'common' ? '' : `-${name}`
  return join(tmpdir(), `plimsoll-test-${process.getuid?.() ?? 0}-${checkout}${suffix}`)
}

/** Tests kill processes, not machines: what the operating system was handed is safe. */
const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }

interface SharedServer {
  engine: Engine<EmbeddedServer> | undefined
  users: number
}

const servers: Readonly<Record<ServerName, SharedServer>> = {
  common: { engine: undefined, users: 0 },
  log: { engine: undefined, users: 0 },
}

/**
 * Makes an empty database in a real PostgreSQL. The server is shared by all test files that run at the
 * time, and stops with the last of them. Takes about 100 ms for the first of a file, and 50 ms for any
 * other.
 */
export async function testDatabase (
  { server: serverName = 'common' }: TestDatabaseOptions = {}
): Promise<TestDatabase> {
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`
  const server = servers[serverName]
  server.users++
  server.engine ??= embeddedPostgres({ directory: directoryOf(serverName), settings })
  const { url } = await server.engine.connect()
  await run(url, async (client) => {
    if (server.users === 1) await dropForgotten(client)
    await client.query(`CREATE DATABASE ${name}`)
  })

  let closing: Promise<void> | undefined
  async function drop (): Promise<void> {
    await run(url, async (client) => {
      await untilLeft(client, name)
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    })
    server.users--
    if (server.users > 0) return
    const last = server.engine
    server.engine = undefined
    await last?.close()
  }
  const close = (): Promise<void> => closing ??= drop()

  const own = new URL(url)
  own.pathname = `/${name}`
  return { url: own.href, close, [Symbol.asyncDispose]: close }
}

/**
 * A pool says that it has ended before its connections have; one that is forced out in between ends the test's
 * process with an error that nobody hears. Whoever does not leave by itself is forced out all the same.
 */
async function untilLeft (client: pg.Client, name: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { rows } = await client.query('SELECT pg_sleep(0.005) FROM pg_stat_activity WHERE datname = $1', [
      name,
    ])
    if (rows.length === 0) return
  }
}

async function run (url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

/** Databases of test processes that were killed. */
async function dropForgotten (client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database WHERE datname ~ '^test_\\d+_'`
  )
  for (const { name } of rows) {
    if (!isAlive(Number(name.split('_')[1])))
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  }
}
