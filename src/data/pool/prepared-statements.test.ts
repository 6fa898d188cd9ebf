import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { transaction } from '../transaction/index.ts'
import { countingProxy } from './counting-proxy.fixture.ts'
import { testPool } from './pool.fixture.ts'

let database: TestDatabase
/** Changes tables behind the back of the pool under test. */
let admin: pg.Pool

before(async () => {
  database = await testDatabase()
  admin = new pg.Pool({ connectionString: database.url, max: 1 })
})
after(async () => {
  await admin.end()
  await database.close()
})

async function preparedNames (pool: pg.Pool | pg.PoolClient): Promise<string[]> {
  const sql = 'SELECT name FROM pg_prepared_statements ORDER BY prepare_time; -- ;'
  return (await (pool as pg.Pool).query<{ name: string }>(sql)).rows.map(({ name }) => name)
}

async function times (count: number, run: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < count; time++) await run()
}

test('a text with values is prepared at its third use, and its text is not sent again', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  const sql = 'SELECT $1::int + 1 AS n'
  await times(2, () => t.pool.query(sql, [1]))
  assert.deepEqual(await preparedNames(t.pool), [])
  for (let n = 0; n < 5; n++) assert.deepEqual((await t.pool.query(sql, [n])).rows, [{ n: n + 1 }])
  assert.equal(proxy.texts.filter((text) => text === sql).length, 3)
  assert.match((await preparedNames(t.pool)).join(), /^plimsoll_[0-9a-f]{24}$/)
})

test('each form of a query gives the same result prepared as it gave before', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const typed = { getTypeParser: () => (value: string) => `<${value}>` }
  const forms: readonly (() => Promise<pg.QueryResult>)[] = [
    () => t.pool.query('SELECT 1 AS one, NULL AS nothing'),
    () => t.pool.query('SELECT $1::text[] AS list', [['a', 'b']]),
    () => t.pool.query({ text: 'SELECT $1::int AS n', values: [1] }),
    () => t.pool.query({ text: 'SELECT $1::int AS n' }, [2]),
    () => t.pool.query({ text: 'SELECT $1::int, 2', values: [3], rowMode: 'array' } as pg.QueryConfig),
    () => t.pool.query({ text: 'SELECT $1::int AS typed', values: [4], types: typed } as pg.QueryConfig),
    () => t.pool.query({ text: 'SELECT $1::bytea AS bytes', values: [Buffer.from('x')] }),
  ]
  for (const form of forms) {
    const { rows, fields } = await form()
    await times(4, async () => {
      const again = await form()
      assert.deepEqual(again.rows, rows)
      assert.deepEqual(again.fields.map(({ name }) => name), fields.map(({ name }) => name))
    })
  }
  assert.equal((await preparedNames(t.pool)).length, 6)
})

test('names that are given, several statements, and what is not about rows are passed as they are', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  await times(4, () => t.pool.query({ name: 'mine', text: 'SELECT $1::int AS mine', values: [1] }))
  await times(4, () => t.pool.query('SELECT 1; SELECT 2'))
  await times(4, () => t.pool.query("SET application_name TO 'x'"))
  await times(4, () => t.pool.query('BEGIN; COMMIT'))
  await times(4, () => t.pool.query({ text: 'SELECT 3', queryMode: 'extended' } as pg.QueryConfig))
  assert.deepEqual(await preparedNames(t.pool), ['mine'])
})

test('a connection keeps as many as the limit says: the one that was used longest ago makes room', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 }, { preparedLimit: 3 })
  const run = (n: number): Promise<unknown> => t.pool.query(`SELECT $1::int AS n${n}`, [n])
  for (const n of [1, 2, 3]) await times(3, () => run(n))
  const names = await preparedNames(t.pool)
  await run(1)
  await times(3, () => run(4))
  const after = await preparedNames(t.pool)
  assert.equal(after.length, 3)
  assert.deepEqual(names.filter((name) => !after.includes(name)), [names[1]])
  await times(2, () => run(2))
  assert.equal((await preparedNames(t.pool)).length, 3)
})

test('SQL that is made up each time takes no place', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  for (let n = 0; n < 50; n++) await t.pool.query(`SELECT $1::int AS n${n}`, [n])
  assert.deepEqual(await preparedNames(t.pool), [])
})

test('a table that changes under a prepared statement is noticed by nobody, outside of a transaction', async () => {
  await admin.query('CREATE TABLE changing (id int, label text); INSERT INTO changing VALUES (1, $$a$$)')
  await using t = testPool({ connectionString: database.url, max: 2 })
  const all = 'SELECT * FROM changing WHERE id = $1'
  const update = 'UPDATE changing SET label = $2 WHERE id = $1 RETURNING *'
  await Promise.all([1, 2].map(() => times(4, () => t.pool.query(all, [1]))))
  await times(4, () => t.pool.query(update, [1, 'b']))
  await admin.query('ALTER TABLE changing ADD COLUMN extra int DEFAULT 7')
  await times(
    3,
    async () => assert.deepEqual((await t.pool.query(all, [1])).rows, [{ id: 1, label: 'b', extra: 7 }])
  )
  assert.deepEqual((await t.pool.query(update, [1, 'c'])).rows, [{ id: 1, label: 'c', extra: 7 }])
  await admin.query('ALTER TABLE changing ALTER COLUMN id TYPE text')
  await times(3, async () => assert.equal((await t.pool.query(all, ['1'])).rows.length, 1))
  assert.deepEqual((await t.pool.query(all, ['one'])).rows, [])
})

test('inside of a transaction the change is an error, and the next transaction has none', async () => {
  await admin.query('CREATE TABLE changing_too (id int); INSERT INTO changing_too VALUES (1)')
  await using t = testPool({ connectionString: database.url, max: 1 })
  const all = 'SELECT * FROM changing_too WHERE id = $1'
  await times(4, () => t.pool.query(all, [1]))
  await admin.query('ALTER TABLE changing_too ADD COLUMN extra int')
  const inTransaction = (): Promise<unknown> => transaction(t.pool, (tx) => tx.query(all, [1]))
  await assert.rejects(inTransaction(), { code: '0A000' })
  await inTransaction()
})

test('statements that somebody deallocates are prepared anew, seen or unseen', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const sql = 'SELECT $1::int AS n'
  const mine = { name: 'mine', text: 'SELECT $1::int AS mine', values: [1] }
  const both = async (): Promise<void> => {
    await t.pool.query(mine)
    await times(4, async () => assert.deepEqual((await t.pool.query(sql, [1])).rows, [{ n: 1 }]))
  }
  await both()
  for (const reset of ['DISCARD ALL', 'DEALLOCATE ALL', 'deallocate prepare all']) {
    await t.pool.query(reset)
    await both()
  }
  await t.pool.query('DO $$ BEGIN DEALLOCATE ALL; END $$')
  assert.deepEqual((await t.pool.query(sql, [1])).rows, [{ n: 1 }])
})

test('a statement that others have prepared under the same name is replaced', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const sql = 'SELECT $1::int AS taken'
  await times(3, () => t.pool.query(sql, [1]))
  const [name] = await preparedNames(t.pool)
  await t.pool.query('DEALLOCATE ALL')
  await t.pool.query(`PREPARE ${name} AS SELECT 666`)
  assert.deepEqual((await t.pool.query(sql, [1])).rows, [{ taken: 1 }])
})

test('bad values fail as they do unprepared, a write is not sent twice for them, and what is good goes on', async () => {
  await admin.query('CREATE TABLE strict (id int PRIMARY KEY, CHECK (id < 100))')
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  const insert = 'INSERT INTO strict VALUES ($1)'
  for (const id of [1, 2, 3, 4]) await t.pool.query(insert, [id])
  const before = proxy.executions
  await assert.rejects(t.pool.query(insert, ['no number']), { code: '22P02' })
  assert.equal(proxy.executions - before, 1)
  await assert.rejects(t.pool.query(insert, [4]), { code: '23505' })
  await assert.rejects(t.pool.query(insert, [100]), { code: '23514' })
  await t.pool.query(insert, [5])
  await assert.rejects(t.pool.query(insert, [{ toPostgres: () => assert.fail('no value') }]), /no value/)
  await t.pool.query(insert, [6])
})

test('nothing is prepared where the option says so', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 }, { preparedStatements: 'off' })
  await times(5, () => t.pool.query('SELECT $1::int AS n', [1]))
  assert.deepEqual(await preparedNames(t.pool), [])
})
