import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { poolOf, transaction } from './transaction.ts'

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

test('inside a transaction its pool is known, and after it no more', async () => {
  const tx = await transaction(pool, async (inside) => {
    assert.equal(poolOf(inside), pool)
    return inside
  })
  assert.equal(poolOf(tx), undefined)
})

test('a connection that breaks in the middle is thrown away, and the pool serves on', async () => {
  const failing = transaction(pool, async (tx) => {
    await tx.query('insert into entry values (4)')
    await tx.query('select pg_terminate_backend(pg_backend_pid())')
  })
  await assert.rejects(failing)
  assert.deepEqual(await ids(), [1])
})

test('of two that cannot both be first, the loser is run again and both take effect', async () => {
  const wide = new pg.Pool({ connectionString: database.url, max: 2 })
  await wide.query('create table account (id int primary key, amount int); insert into account values (1, 0)')
  const bothHaveRead = Promise.withResolvers<void>()
  let readers = 0
  let runs = 0
  const add = (isolation: 'serializable' | 'repeatable read'): Promise<void> =>
    transaction(wide, async (tx) => {
      runs++
      const { rows: [row] } = await tx.query<{ amount: number }>('select amount from account where id = 1')
      if (++readers === 2) bothHaveRead.resolve()
      await bothHaveRead.promise
      await tx.query('update account set amount = $1 where id = 1', [row!.amount + 1])
    }, { isolation, random: () => 0 })
  try {
    await Promise.all([add('serializable'), add('serializable')])
    assert.deepEqual((await wide.query('select amount from account')).rows, [{ amount: 2 }])
    assert.equal(runs, 3)
  } finally {
    await wide.end()
  }
})

test('tries are bounded, and only what PostgreSQL ended for the sake of others is tried again', async () => {
  let runs = 0
  const conflicting = (code: string, retries?: number): Promise<void> =>
    transaction(pool, async () => {
      runs++
      throw Object.assign(new Error('ended'), { code })
    }, { ...(retries === undefined ? {} : { retries }), random: () => 0 })
  await assert.rejects(conflicting('40P01', 2), { code: '40P01' })
  assert.equal(runs, 3)
  await assert.rejects(conflicting('40001'), { code: '40001' })
  assert.equal(runs, 4)
  await assert.rejects(conflicting('23505', 5), { code: '23505' })
  assert.equal(runs, 5)
})

test('an isolation that does not exist, and a negative number of tries, are refused', async () => {
  const none = async (): Promise<void> => {}
  await assert.rejects(transaction(pool, none, { isolation: 'chaos' as never }), { code: 'SETTING_INVALID' })
  await assert.rejects(transaction(pool, none, { retries: -1 }), { code: 'SETTING_INVALID' })
})
