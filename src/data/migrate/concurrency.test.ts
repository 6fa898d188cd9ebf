import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { migrate } from './migrate.ts'

let database: TestDatabase
let pool: pg.Pool
let folder: string
let directory: URL

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, application_name: 'watcher' })
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-migrate-'))
  directory = pathToFileURL(folder)
  await writeFile(join(folder, '0001_a.sql'), 'CREATE TABLE a (id int); SELECT pg_sleep(0.2)')
  await writeFile(join(folder, '0002_b.sql'), 'CREATE TABLE b (id int); INSERT INTO a VALUES (1)')
})
after(async () => {
  await pool?.end()
  await database?.close()
  if (folder !== undefined) await rm(folder, { recursive: true })
})

function migrator (schema: string): ChildProcess {
  return fork(new URL('migrate.fixture.ts', import.meta.url), [database.url, schema, directory.href], {
    execArgv: ['--conditions=plimsoll-source'],
  })
}

test('of six that start at once, three of them processes, each file is applied by exactly one', async () => {
  const children = Array.from({ length: 3 }, () => migrator('at_once'))
  const pools = Array.from({ length: 3 }, () => new pg.Pool({ connectionString: database.url }))
  const results = await Promise.all([
    ...children.map(async (child) => (await once(child, 'message'))[0]),
    ...pools.map((each) => migrate({ pool: each, schema: 'at_once', directory })),
  ])
  await Promise.all(pools.map((each) => each.end()))
  assert.deepEqual(results.flatMap(({ applied, error }) => applied ?? [error]).toSorted(), [
    '0001_a.sql',
    '0002_b.sql',
  ])
  const { rows } = await pool.query('SELECT count(*)::int AS count FROM at_once.a')
  assert.deepEqual(rows, [{ count: 1 }])
})

test('a migrator killed in the middle leaves nothing of its file, and the next run applies it', async () => {
  await writeFile(join(folder, '0001_a.sql'), 'CREATE TABLE a (id int); SELECT pg_sleep(60)')
  const child = migrator('killed')
  const exited = once(child, 'exit')
  await untilTrue(`SELECT count(*) = 1 AS is FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)'
    AND application_name LIKE 'migrator%' AND datname = current_database()`)
  child.kill('SIGKILL')
  await exited
  await writeFile(join(folder, '0001_a.sql'), 'CREATE TABLE a (id int)')
  const result = await migrate({ pool, schema: 'killed', directory })
  assert.deepEqual(result.applied, ['0001_a.sql', '0002_b.sql'])
})

test('who waits hears who holds the lock, and gives up when its signal aborts', async () => {
  const holder = new pg.Client({ connectionString: database.url, application_name: 'the holder' })
  await holder.connect()
  try {
    await holder.query(`SELECT pg_advisory_lock(hashtextextended('plimsoll.migrate.held', 0))`)
    const patience = new AbortController()
    const said = Promise.withResolvers<string>()
    const waiting = migrate({ pool, schema: 'held', directory, signal: patience.signal, log: said.resolve })
    assert.match(
      await said.promise,
      /waiting for the migrations of schema held, which process \d+ \(the holder\)/
    )
    patience.abort()
    await assert.rejects(waiting, { code: 'MIGRATION_LOCKED', schema: 'held' })
  } finally {
    await holder.end()
  }
})

/** @param query gives one row with a boolean `is` */
async function untilTrue (query: string): Promise<void> {
  await waitUntil(query, async () => (await pool.query<{ is: boolean }>(query)).rows[0]?.is === true)
}
