import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
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
