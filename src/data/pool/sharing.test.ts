import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { Deadline, manualClock } from '../../kernel/index.ts'
import { countingProxy } from './counting-proxy.fixture.ts'
import { testPool, type Work, workWith } from './pool.fixture.ts'

let database: TestDatabase
let admin: pg.Pool

before(async () => {
  database = await testDatabase()
  admin = new pg.Pool({ connectionString: database.url, max: 1 })
  await admin.query(
    `CREATE FUNCTION nap (seconds float8, n int) RETURNS int LANGUAGE plpgsql AS
       $$ BEGIN PERFORM pg_sleep(seconds); RETURN n; END $$;
     CREATE TABLE entry (id int PRIMARY KEY)`
  )
})
after(async () => {
  await admin.end()
  await database.close()
})

const divide = 'SELECT 10 / $1::int AS n'
const nap = 'SELECT nap($1, $2) AS n'

/** Three uses: from then on the connection has it prepared. */
async function prepare (pool: pg.Pool, sql: string, values: readonly unknown[]): Promise<void> {
  for (let use = 0; use < 3; use++) await pool.query(sql, [...values])
}

test('reads that wait for a connection are sent together, and each gets its own result or error', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  await prepare(t.pool, divide, [1])
  const busy = await t.pool.connect()
  const results = [1, 2, 0, 5, 10].map((n) => t.pool.query(divide, [n]))
  const before = proxy.packets
  busy.release()
  const settled = await Promise.allSettled(results)
  assert.deepEqual(
    settled.map((result) => result.status === 'fulfilled' ? result.value.rows[0].n : result.reason.code),
    [10, 5, '22012', 2, 1]
  )
  assert.equal(proxy.packets - before, 1)
  assert.equal(t.metric('db_client_connection_wait_time_seconds'), 9)
  assert.deepEqual((await t.pool.query('SELECT 1 AS one')).rows, [{ one: 1 }])
})

test('work does not share a connection with a write, or with a read whose text was slow lately', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  await prepare(t.pool, divide, [1])
  await prepare(t.pool, nap, [0, 1])
  const insert = 'INSERT INTO entry SELECT $1::int WHERE false'
  await prepare(t.pool, insert, [1])
  const packetsFor = async (...queries: readonly [string, readonly unknown[]][]): Promise<number> => {
    const busy = await t.pool.connect()
    const results = queries.map(([sql, values]) => t.pool.query(sql, [...values]))
    const before = proxy.packets
    busy.release()
    await Promise.all(results)
    return proxy.packets - before
  }
  assert.equal(await packetsFor([divide, [1]], [nap, [0, 1]], [divide, [1]]), 1)
  assert.equal(await packetsFor([divide, [1]], [insert, [1]], [divide, [1]]), 3)
  await t.pool.query(nap, [0.6, 1])
  await prepare(t.pool, nap, [0, 1])
  assert.equal(await packetsFor([divide, [1]], [nap, [0, 1]], [divide, [1]]), 3)
})

test('those that wait are spread over the connections, as many to each', async () => {
  await using t = testPool({ connectionString: database.url, max: 3 })
  const clients = await Promise.all([1, 2, 3].map(() => t.pool.connect()))
  const pid = 'SELECT pg_backend_pid() AS pid, $1::int'
  for (const client of clients) for (let use = 0; use < 3; use++) await client.query(pid, [1])
  const results = Array.from({ length: 9 }, () => t.pool.query<{ pid: number }>(pid, [1]))
  for (const client of clients) client.release()
  const counts = new Map<number, number>()
  for (const { rows: [row] } of await Promise.all(results))
    counts.set(row!.pid, (counts.get(row!.pid) ?? 0) + 1)
  assert.ok(counts.size > 1, JSON.stringify([...counts]))
  assert.ok([...counts.values()].every((count) => count <= 5), JSON.stringify([...counts]))
})

test('one that is given up is cancelled, and those that share its connection get their results', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  await prepare(t.pool, nap, [0, 1])
  for (const at of [0, 1, 2]) {
    const busy = await t.pool.connect()
    const work = workWith()
    const results = [0, 1, 2].map((n) =>
      n === at ? work.run(() => t.pool.query(nap, [3_600, n])) : t.pool.query(nap, [0, n])
    )
    busy.release()
    const left = assert.rejects(results[at]!, { code: 'CALLER_GONE' })
    await waitUntil('it runs', async () => {
      const { rows } = await admin.query(
        "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = $1",
        [nap]
      )
      return rows.length === 1
    })
    work.leave()
    await left
    for (const [n, result] of results.entries()) {
      if (n !== at) assert.equal((await result).rows[0].n, n)
    }
  }
  assert.equal(t.metric('db_client_statements_cancelled_total', { reason: 'caller_gone' }), 3)
})

test('a cancel request that hits a neighbour costs it nothing: it is sent once more, alone', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  await prepare(t.pool, nap, [0, 1])
  const { rows: [own] } = await t.pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const busy = await t.pool.connect()
  const results = [1, 2, 3].map((n) => t.pool.query(nap, [n === 1 ? 1.2 : 0, n]))
  const before = proxy.executions
  busy.release()
  await waitUntil('it runs', async () => {
    const { rows } = await admin.query(
      'SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 ' +
        "AND state = 'active' AND query = $2",
      [own!.pid, nap]
    )
    return rows.length === 1
  })
  assert.deepEqual((await Promise.all(results)).map(({ rows }) => rows[0].n), [1, 2, 3])
  assert.equal(proxy.executions - before, 4)
})

test('a neighbour that is hit twice fails: nothing is sent a third time', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  await prepare(t.pool, nap, [0, 1])
  const busy = await t.pool.connect()
  const results = [1, 2].map((n) => t.pool.query(nap, [n === 1 ? 3_600 : 0, n]))
  const hit = assert.rejects(results[0]!, { code: '57014' })
  busy.release()
  for (const retries of [0, 1]) {
    await waitUntil('it runs', async () => {
      const { rows } = await admin.query(
        "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = $1",
        [nap]
      )
      return rows.length === 1 && t.metric('db_client_statements_retried_total') === retries
    })
    await admin.query('SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = $1', [nap])
  }
  await hit
  assert.equal((await results[1]!).rows[0].n, 2)
})

test('work that has longer is not held to the timeout of the work that it would share with', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  await prepare(t.pool, nap, [0, 1])
  const shortly = (): Work => workWith(Deadline.in(240, manualClock()))
  await shortly().run(() => t.pool.query(nap, [0, 1]))
  const busy = await t.pool.connect()
  const short = shortly().run(() => t.pool.query(nap, [0, 1]))
  const long = t.pool.query(nap, [0.4, 2])
  busy.release()
  assert.equal((await short).rows[0].n, 1)
  assert.equal((await long).rows[0].n, 2)
  assert.equal(t.metric('db_client_statements_retried_total'), 0)
})

test('of many that wait for one connection, sixteen go at a time', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  await prepare(t.pool, divide, [1])
  const busy = await t.pool.connect()
  const results = Array.from({ length: 40 }, () => t.pool.query(divide, [1]))
  const before = proxy.packets
  busy.release()
  await Promise.all(results)
  assert.equal(proxy.packets - before, 3)
  assert.equal(t.metric('db_client_statements_shared_total'), 37)
})

test('statements of one client that are sent without waiting go together once they are prepared', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  await prepare(t.pool, divide, [1])
  const client = await t.pool.connect()
  await client.query('BEGIN')
  const before = proxy.packets
  const results = await Promise.all([1, 2, 5].map((n) => client.query(divide, [n])))
  assert.deepEqual(results.map(({ rows }) => rows[0].n), [10, 5, 2])
  assert.ok(proxy.packets - before <= 3)
  const settled = await Promise.allSettled([1, 0, 2].map((n) => client.query(divide, [n])))
  assert.deepEqual(
    settled.map((result) => result.status === 'fulfilled' ? result.value.rows[0].n : result.reason.code),
    [10, '22012', '25P02']
  )
  assert.equal((await client.query('ROLLBACK')).command, 'ROLLBACK')
  client.release()
})

test('on one client, work waits for other work, so that a cancel request of one cannot hit the other', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  await prepare(t.pool, nap, [0, 1])
  const client = await t.pool.connect()
  const before = proxy.executions
  const work = workWith()
  const left = assert.rejects(work.run(() => client.query(nap, [3_600, 1])), { code: 'CALLER_GONE' })
  const other = workWith().run(() => client.query(nap, [0, 2]))
  await waitUntil('it runs', async () => {
    const { rows } = await admin.query(
      "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = $1",
      [nap]
    )
    return rows.length === 1
  })
  assert.equal(proxy.executions - before, 1)
  work.leave()
  await left
  assert.equal((await other).rows[0].n, 2)
  client.release()
})

test('a cursor among statements that go together gets its own rows, and so do they', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  await prepare(t.pool, divide, [1])
  const client = await t.pool.connect()
  for (const before of [[], [1], [1, 2]]) await besideCursor(client, before)
  client.release()
})

async function besideCursor (client: pg.PoolClient, before: readonly number[]): Promise<void> {
  const earlier = before.map((n) => client.query(divide, [n]))
  const cursor = client.query(new Cursor<{ n: number }>('SELECT generate_series(1, 5) AS n'))
  const later = [5, 10].map((n) => client.query(divide, [n]))
  const rows = [...await cursor.read(2), ...await cursor.read(10)]
  await cursor.close()
  assert.deepEqual(rows.map(({ n }) => n), [1, 2, 3, 4, 5])
  const results = await Promise.all([...earlier, ...later])
  assert.deepEqual(results.map(({ rows }) => rows[0].n), [...before.map((n) => 10 / n), 2, 1])
}
