import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { openContext, runWithContext } from '../../kernel/index.ts'
import { testEnvironment } from './environment.fixture.ts'
import { openDatabase } from './open-database.ts'

let database: TestDatabase
let migrations: URL

before(async () => {
  database = await testDatabase()
  migrations = pathToFileURL(`${await mkdtemp(join(tmpdir(), 'plimsoll-none-'))}/`)
})

after(() => database.close())

async function sizeFor (env: Readonly<Record<string, string>>): Promise<number> {
  await using environment = await testEnvironment({ DATABASE_URL: database.url, ...env })
  const { data } = await openDatabase('shop', { schema: 'shop', migrations }, environment)
  return data.options.max
}

test('a pool has ten connections, or as many as the database has for all workers of all machines', async () => {
  assert.equal(await sizeFor({}), 10)
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const { rows: [limits] } = await client.query<{ given: number }>(
    `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as given`
  )
  await client.end()
  // Each worker has a health check beside its pool, and a reload adds a worker.
  const workers = Math.floor((limits?.given ?? 0) / 5) - 1
  const size = await sizeFor({ PLIMSOLL_WORKERS: String(workers) })
  assert.ok(size >= 3 && size < 10, String(size))
})

test('a size that was asked for and does not fit stops the boot, naming the setting', async () => {
  await assert.rejects(sizeFor({ PLIMSOLL_WORKERS: '4', PLIMSOLL_DATABASE_POOL_SIZE: '60' }), {
    code: 'SETTING_INVALID',
    message: /^database\.poolSize must be /,
  })
})

/** How many connections jobs get at once, of a worker that nobody else uses. */
async function workersShare (env: Readonly<Record<string, string>>): Promise<number> {
  await using environment = await testEnvironment({
    DATABASE_URL: database.url,
    PLIMSOLL_DATABASE_WAIT: '60s',
    ...env,
  })
  const { data } = await openDatabase('shop', { schema: 'shop', migrations }, environment)
  const background = data.reserve('worker')
  const asked = Array.from({ length: data.options.max }, () => background.connect())
  await waitUntil('all are lent that may be', () => data.waitingCount > 0 && data.totalCount > data.idleCount)
  const given = data.options.max - data.waitingCount
  // A request is served all the same.
  await data.query('select 1')
  for (const each of asked) void each.then((client) => client.release())
  await Promise.all(asked)
  return given
}

test('jobs leave a third of the connections to requests, or as many as the setting says', async () => {
  assert.equal(await workersShare({}), 7)
  assert.equal(await workersShare({ PLIMSOLL_ROLE: 'work' }), 9)
  assert.equal(await workersShare({ PLIMSOLL_DATABASE_RESERVE: '5' }), 5)
})

test('a reserve that leaves background work no connection stops the boot', async () => {
  await assert.rejects(sizeFor({ PLIMSOLL_DATABASE_POOL_SIZE: '4', PLIMSOLL_DATABASE_RESERVE: '4' }), {
    code: 'SETTING_INVALID',
    message: /^database\.reserve must be below the 4 connections/,
  })
})

test('a statement that a request repeats is refused where `database.watch` says fail, and passes where it is off', async () => {
  async function repeat (watch: string): Promise<unknown> {
    await using environment = await testEnvironment({
      DATABASE_URL: database.url,
      PLIMSOLL_DATABASE_WATCH: watch,
    })
    const { data } = await openDatabase('shop', { schema: 'shop', migrations }, environment)
    return await runWithContext(openContext({ id: 'a request', criticality: 'normal' }), async () => {
      for (let id = 0; id < 10; id++) await data.query('select $1::int', [id])
      return 'passed'
    })
  }
  await assert.rejects(repeat('fail'), { code: 'N_PLUS_ONE' })
  assert.equal(await repeat('off'), 'passed')
})
