import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../embedded/embedded.fixture.ts'
import { testEngine } from '../engine.contract.ts'
import type { Engine } from '../engine.ts'
import { type SilentServer, silentServer } from '../silent-server.fixture.ts'
import { postgresEngine } from './postgres-engine.ts'

let database: TestDatabase
let silence: SilentServer

before(async () => {
  database = await testDatabase()
  silence = await silentServer()
})
after(async () => {
  await database?.close()
  await silence?.[Symbol.asyncDispose]()
})

const password = 's3cret-word'
const closedPort = 'postgres://someone:s3cret-word@127.0.0.1:1/shop'

async function silent (): Promise<Engine<pg.Pool>> {
  return postgresEngine({
    url: `postgres://someone:${password}@127.0.0.1:${silence.port}/shop`,
    connectTimeoutMs: 500,
  })
}

testEngine({
  name: 'postgres',
  password,
  up: async () => postgresEngine({ url: database.url }),
  down: async () => postgresEngine({ url: closedPort }),
  unreachable: async () => postgresEngine({ url: closedPort }),
  silent,
})

/** The database's URL over TCP, with parts changed. */
function changed (change: (url: URL) => void): string {
  const url = new URL(database.url)
  url.searchParams.delete('host')
  change(url)
  return url.href
}

test('each way to fail says what to do, and none repeats the password', async () => {
  const cases: readonly [string, RegExp][] = [
    [
      closedPort,
      /127\.0\.0\.1:1\/shop is unavailable: nothing listens there; start PostgreSQL or correct host/,
    ],
    [changed((url) => url.password = password), /refused the password of this user/],
    [
      changed((url) => url.pathname = '/nowhere'),
      /\/nowhere is unavailable: the database does not exist; create it/,
    ],
    [
      changed((url) => url.searchParams.set('sslmode', 'verify-full')),
      /does not offer TLS; add \?sslmode=disable/,
    ],
    [`postgres://u:${password}@host.invalid/x`, /host name does not resolve/],
    [`postgres://u:${password}@h/x?host=/nowhere`, /there is no such socket/],
    [`postgres://u:${password}@127.0.0.1:${silence.port}/x`, /did not answer in time/],
  ]
  for (const [url, expected] of cases) {
    await using engine = postgresEngine({ url, connectTimeoutMs: 300 })
    await assert.rejects(engine.connect(), (error: Error) => {
      assert.match(error.message, expected)
      assert.ok(!error.message.includes(password))
      return true
    })
  }
})

test('a wrong URL or pool size stops the boot without repeating the URL', () => {
  for (const url of [`mysql://u:${password}@h/x`, `postgres://u:${password}@h:port/x`, password]) {
    assert.throws(() => postgresEngine({ url }), (error: Error) => {
      assert.match(error.message, /^database\.url must be a PostgreSQL URL/)
      assert.ok(!error.message.includes(password))
      return true
    })
  }
  assert.throws(() => postgresEngine({ url: closedPort, poolSize: 0 }), { setting: 'database.poolSize' })
})

test('every connection has the search path and the application name from its start', async () => {
  await using engine = postgresEngine({
    url: database.url,
    schema: 'My "odd"\\ schema',
    applicationName: 'shop',
  })
  const pool = await engine.connect()
  const { rows } = await pool.query(
    `SELECT current_setting('search_path') AS path, current_setting('application_name') AS app`
  )
  assert.deepEqual(rows, [{ path: '"My ""odd""\\ schema", public'.replace(', ', ','), app: 'shop' }])
})

test('a check does not wait behind a busy pool', async () => {
  await using engine = postgresEngine({ url: database.url, poolSize: 1 })
  const pool = await engine.connect()
  const busy = await pool.connect()
  try {
    await engine.check(AbortSignal.timeout(5_000))
  } finally {
    busy.release()
  }
})

test('connections that the server closes do not end the process, and are replaced', async () => {
  const broken = Promise.withResolvers<Error>()
  await using engine = postgresEngine({
    url: database.url,
    applicationName: 'to break',
    onIdleError: broken.resolve,
  })
  const pool = await engine.connect()
  await engine.check(AbortSignal.timeout(5_000))
  const admin = new pg.Client({ connectionString: database.url })
  await admin.connect()
  try {
    await admin.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'to break%'`
    )
    await broken.promise
  } finally {
    admin.end()
    await once(admin, 'end')
  }
  const { rows } = await pool.query('SELECT 1 AS one')
  assert.deepEqual(rows, [{ one: 1 }])
  await engine.check(AbortSignal.timeout(5_000))
})

test('a connection that breaks while in use fails its statement, and does not end the process', async () => {
  await using engine = postgresEngine({ url: database.url, poolSize: 1 })
  const pool = await engine.connect()
  const client = await pool.connect()
  await assert.rejects(client.query('SELECT pg_terminate_backend(pg_backend_pid())'))
  client.release(true)
  const { rows } = await pool.query('SELECT 1 AS one')
  assert.deepEqual(rows, [{ one: 1 }])
})
