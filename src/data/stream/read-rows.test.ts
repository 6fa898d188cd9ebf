import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { transaction } from '../transaction/index.ts'
import { readRows } from './read-rows.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 2 })
})

after(async () => {
  await pool.end()
  await database.close()
})

const numbers = (count: number): { text: string; values: unknown[] } => ({
  text: 'select i from generate_series(1, $1::int) i',
  values: [count],
})

async function collect (rows: AsyncIterable<{ i: number }>): Promise<number[]> {
  const all: number[] = []
  for await (const { i } of rows) all.push(i)
  return all
}

test('all rows come, in order, whatever the batch', async () => {
  for (const [count, batch] of [[0, 10], [1, 10], [10, 10], [11, 10], [2_500, 1_000]] as const) {
    const rows = await collect(readRows(pool, numbers(count), { batch }))
    assert.deepEqual(rows, Array.from({ length: count }, (_, at) => at + 1))
  }
  assert.equal(pool.idleCount, pool.totalCount)
})

test('a loop that is left early closes the cursor and gives the connection back', async () => {
  for await (const { i } of readRows<{ i: number }>(pool, numbers(10_000), { batch: 10 })) if (i === 15) break
  assert.equal(pool.idleCount, pool.totalCount)
  // Of this database: the server is shared with other tests.
  const { rows } = await pool.query(
    "select 1 from pg_stat_activity where datname = current_database() and state = 'idle in transaction'"
  )
  assert.equal(rows.length, 0)
})

test('in a transaction it sees what that wrote, and leaves it open', async () => {
  await pool.query('create table entry (i int)')
  await transaction(pool, async (tx) => {
    await tx.query('insert into entry select generate_series(1, 5)')
    assert.deepEqual(await collect(readRows(tx, { text: 'select i from entry order by i' }, { batch: 2 })), [
      1,
      2,
      3,
      4,
      5,
    ])
    for await (const _ of readRows(tx, { text: 'select i from entry' }, { batch: 2 })) break
    await tx.query('insert into entry values (6)')
  })
  assert.equal((await pool.query('select 1 from entry')).rows.length, 6)
})

test('what the rows are of does not change while they are read', async () => {
  await pool.query('create table moving as select generate_series(1, 30) as i')
  let read = 0
  for await (const _ of readRows(pool, { text: 'select i from moving' }, { batch: 10 })) {
    if (read++ === 5) await pool.query('delete from moving')
  }
  assert.equal(read, 30)
})

test('a failing row is an error of the loop, and the connection serves on', async () => {
  const failing = readRows(pool, { text: 'select 10 / (50 - i) as i from generate_series(1, 90) i' }, {
    batch: 10,
  })
  await assert.rejects(collect(failing as AsyncIterable<{ i: number }>), { code: '22012' })
  await assert.rejects(collect(readRows(pool, { text: 'nonsense' })), { code: '42601' })
  assert.deepEqual(await collect(readRows(pool, numbers(3))), [1, 2, 3])
})
