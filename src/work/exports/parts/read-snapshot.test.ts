import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { governPool } from '../../../data/index.ts'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import { readSnapshot } from './read-snapshot.ts'

let database: TestDatabase
let plain: pg.Pool
let governed: pg.Pool

before(async () => {
  database = await testDatabase()
  plain = new pg.Pool({ connectionString: database.url, max: 2 })
  governed = governPool(new pg.Pool({ connectionString: database.url, max: 2 }), {
    registry: new MetricsRegistry(),
  })
  await plain.query('create table entry as select i from generate_series(1, 200000) i')
})

after(async () => {
  await Promise.all([plain.end(), governed.end()])
  await database.close()
})

for (const kind of ['plain', 'governed'] as const) {
  test(`over a ${kind} pool, all rows are of the snapshot that was told, whatever is written meanwhile`, async () => {
    const pool = kind === 'plain' ? plain : governed
    const before = await lsn()
    const count = await countOf(plain)
    const { rows, snapshot } = await readSnapshot(pool, { text: 'select i from entry' }, 'ndjson')
    await plain.query('insert into entry select i from generate_series(1, 1000) i')
    assert.equal((await text(rows)).split('\n').length - 1, count)
    const after = await lsn()
    assert.match(snapshot.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.match(snapshot.transactions, /^\d+:\d+:/)
    const { rows: [between] } = await plain.query(
      'select $1::pg_lsn <= $2::pg_lsn and $2::pg_lsn < $3::pg_lsn as is',
      [before, snapshot.lsn, after]
    )
    assert.deepEqual(between, { is: true })
    await allIsWell(pool)
  })

  test(`over a ${kind} pool, a connection is never left in the transaction`, async () => {
    const pool = kind === 'plain' ? plain : governed
    await assert.rejects(readSnapshot(pool, { text: 'selec' }, 'csv'))
    await allIsWell(pool)
    await assert.rejects(readSnapshot(pool, { text: 'select 1 as a, 2 as a' }, 'ndjson'), /two columns/)
    await allIsWell(pool)
    const { rows } = await readSnapshot(pool, { text: 'select i from entry' }, 'csv')
    rows.destroy()
    await assert.rejects(text(rows))
    await allIsWell(pool)
  })
}

async function lsn (): Promise<string> {
  await plain.query('insert into entry values (0)')
  return (await plain.query<{ lsn: string }>('select pg_current_wal_insert_lsn() as lsn')).rows[0]!.lsn
}

async function countOf (pool: pg.Pool): Promise<number> {
  return (await pool.query<{ count: number }>('select count(*)::int from entry')).rows[0]!.count
}

/** None is in a transaction, and the pool serves on. */
async function allIsWell (pool: pg.Pool): Promise<void> {
  await waitUntil('no connection is in a transaction', async () => {
    const { rows } = await plain.query(
      "select 1 from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()"
    )
    return rows.length === 0
  })
  assert.ok(await countOf(pool) > 0)
}
