import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import pg from 'pg'
import { requireEngine } from '../../../test/engines.fixture.ts'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { Deadline } from '../../kernel/index.ts'
import { type TestPgBouncer, testPgBouncer } from './pgbouncer.fixture.ts'
import { checkPoolBudget } from './pool-budget.ts'
import { testPool, workWith } from './pool.fixture.ts'

let database: TestDatabase

before(async () => {
  database = await testDatabase()
})
after(() => database.close())

async function poolerFor (t: TestContext, poolSize: number): Promise<TestPgBouncer | undefined> {
  const program = requireEngine(t, 'pgbouncer', 'apt-get install pgbouncer')
  return program === undefined ? undefined : testPgBouncer(program, database.url, poolSize)
}

test('behind PgBouncer in transaction mode nothing is prepared, set or broken, however connections are mixed', async (t) => {
  await using pooler = await poolerFor(t, 2)
  if (pooler === undefined) return
  await using one = testPool({ connectionString: pooler.url, max: 4 })
  await using other = testPool({ connectionString: pooler.url, max: 4 })
  const sql = 'SELECT $1::int AS n'
  await Promise.all(Array.from({ length: 200 }, async (_, n) => {
    const { pool } = n % 2 === 0 ? one : other
    const { rows } = await workWith(Deadline.in(20_000)).run(() => pool.query(sql, [n]))
    assert.deepEqual(rows, [{ n }])
  }))
  await using direct = testPool({ connectionString: pooler.url, max: 1 }, { preparedStatements: 'off' })
  const { rows: [row] } = await direct.pool.query(
    "SELECT count(*)::int AS prepared, current_setting('statement_timeout') AS timeout FROM pg_prepared_statements"
  )
  assert.deepEqual(row, { prepared: 0, timeout: '0' })
})

test('what this avoids does happen: names that pg is given break behind it', async (t) => {
  await using pooler = await poolerFor(t, 1)
  if (pooler === undefined) return
  const pools = [1, 2].map(() => new pg.Pool({ connectionString: pooler.url, max: 1 }))
  const named = { name: 'broken', text: 'SELECT $1::int AS n', values: [1] }
  await pools[0]!.query(named)
  await assert.rejects(pools[1]!.query(named), { code: '42P05' })
  await Promise.all(pools.map((pool) => pool.end()))
})

test('a statement that outlives its deadline behind it ends, and its budget is not judged', async (t) => {
  await using pooler = await poolerFor(t, 2)
  if (pooler === undefined) return
  await using one = testPool({ connectionString: pooler.url, max: 500 })
  const late = workWith(Deadline.in(60)).run(() => one.pool.query('SELECT pg_sleep(3600)'))
  await assert.rejects(late, { code: 'DEADLINE_EXCEEDED' })
  assert.deepEqual((await one.pool.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  assert.equal((await checkPoolBudget(one.pool, { replicas: 3, workers: 8 })).pooled, true)
})
