import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { transaction } from '../transaction/index.ts'
import { countingProxy } from './counting-proxy.fixture.ts'
import { testPool } from './pool.fixture.ts'

let database: TestDatabase
let admin: pg.Pool

before(async () => {
  database = await testDatabase()
  admin = new pg.Pool({ connectionString: database.url, max: 1 })
  await admin.query('CREATE TABLE payment (id int)')
})
after(async () => {
  await admin.end()
  await database.close()
})

async function payments (id: number): Promise<number> {
  const { rows } = await admin.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM payment WHERE id = $1',
    [id]
  )
  return rows[0]!.count
}

/** As a server that restarts, or a primary that another one replaces, does with them. */
async function endAllConnections (): Promise<void> {
  await admin.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()`
  )
}

const pay = 'INSERT INTO payment VALUES ($1)'

for (const prepared of [false, true]) {
  test(`a write whose answer is lost is not sent again${prepared ? ', prepared' : ''}`, async () => {
    const id = prepared ? 2 : 1
    await using proxy = await countingProxy(database.url)
    await using t = testPool({ connectionString: proxy.url, max: 2 })
    for (let use = 0; use < 4; use++)
      await t.pool.query(prepared ? pay : 'SELECT 1', prepared ? [0] : undefined)
    const before = proxy.executions
    proxy.loseNextAnswer()
    await assert.rejects(t.pool.query(pay, [id]), {
      code: 'DATABASE_LOST',
      outcome: 'unknown',
      message: /whether the statement took effect is unknown/,
    })
    assert.equal(proxy.executions - before, 1)
    assert.equal(await payments(id), 1, 'it did, this time')
    await t.pool.query(pay, [id])
    assert.equal(await payments(id), 2)
  })
}

test('a commit whose answer is lost is an error that says so', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  const lost = transaction(t.pool, async (tx) => {
    await tx.query(pay, [3])
    proxy.loseNextAnswer()
  })
  await assert.rejects(lost, { code: 'DATABASE_LOST', outcome: 'unknown' })
  assert.equal(await payments(3), 1)
  assert.equal(proxy.texts.filter((text) => text === 'commit').length, 1)
})

test('a pool whose connections were all ended serves the next, and those that waited', async () => {
  await using t = testPool({ connectionString: database.url, max: 2 })
  const clients = await Promise.all([1, 2].map(() => t.pool.connect()))
  const waiting = [1, 2, 3].map(() => t.pool.query('SELECT 1 AS one'))
  const running = assert.rejects(clients[0]!.query('SELECT pg_sleep(3600)'), { code: 'DATABASE_LOST' })
  await endAllConnections()
  await running
  for (const client of clients) client.release()
  for (const result of waiting) assert.deepEqual((await result).rows, [{ one: 1 }])
  await endAllConnections()
  await t.pool.query('SELECT 1').catch(() => {}) // one that was idle may be found broken by whoever comes first
  for (let time = 0; time < 5; time++)
    assert.deepEqual((await t.pool.query('SELECT 1 AS one')).rows, [{ one: 1 }])
})

test('where nobody listens, nothing was sent, and the error says so', async () => {
  await using t = testPool({ connectionString: 'postgres://someone@127.0.0.1:1/shop', max: 1 })
  await assert.rejects(t.pool.query(pay, [4]), {
    code: 'DATABASE_LOST',
    outcome: 'none',
    message: /nothing was sent/,
  })
})

test('a connection whose server only reads by now is dropped, so that the next finds the new primary', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const name = new URL(database.url).pathname.slice(1)
  // A session that reads only, as those of a primary that became a standby do.
  await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only TO on`)
  await t.pool.query('SELECT 1')
  await admin.query('SET default_transaction_read_only TO off')
  await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only TO off`)
  await assert.rejects(t.pool.query(pay, [5]), { code: '25006' })
  await t.pool.query(pay, [5])
  assert.equal(await payments(5), 1)
})
