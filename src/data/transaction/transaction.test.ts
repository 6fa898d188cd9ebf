import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { transaction } from './transaction.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 1 })
  pool.on('error', () => {})
  await pool.query('create table entry (id int primary key)')
})

after(async () => {
  await pool.end()
  await database.close()
})

async function ids (): Promise<number[]> {
  return (await pool.query<{ id: number }>('select id from entry order by id')).rows.map(({ id }) => id)
}

test('what the work wrote is there after it resolves, with its result', async () => {
  const result = await transaction(pool, async (tx) => {
    await tx.query('insert into entry values (1)')
    return 'done'
  })
  assert.equal(result, 'done')
  assert.deepEqual(await ids(), [1])
})

test('what the work wrote is gone when it throws, and the error is its own', async () => {
  const failing = transaction(pool, async (tx) => {
    await tx.query('insert into entry values (2)')
    throw new Error('second thoughts')
  })
  await assert.rejects(failing, /second thoughts/)
  assert.deepEqual(await ids(), [1])
})

test('a statement that fails takes the others with it', async () => {
  const failing = transaction(pool, async (tx) => {
    await tx.query('insert into entry values (3)')
    await tx.query('insert into entry values (1)')
  })
  await assert.rejects(failing, { code: '23505' })
  assert.deepEqual(await ids(), [1])
})

test('a connection that breaks in the middle is thrown away, and the pool serves on', async () => {
  const failing = transaction(pool, async (tx) => {
    await tx.query('insert into entry values (4)')
    await tx.query('select pg_terminate_backend(pg_backend_pid())')
  })
  await assert.rejects(failing)
  assert.deepEqual(await ids(), [1])
})
