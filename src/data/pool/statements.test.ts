import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { type Clock, Deadline, finishing, systemClock } from '../../kernel/index.ts'
import { type Transaction, transaction } from '../transaction/index.ts'
import { countingProxy } from './counting-proxy.fixture.ts'
import { testPool, workWith } from './pool.fixture.ts'

let database: TestDatabase
/** Looks from outside; it is not the pool under test. */
let observer: pg.Pool

before(async () => {
  database = await testDatabase()
  observer = new pg.Pool({ connectionString: database.url, max: 1 })
  observer.on('error', () => {})
  await observer.query('CREATE TABLE entry (id int PRIMARY KEY)')
})

after(async () => {
  await observer.end()
  await database.close()
})

/** How many statements that hold `marker` run in the server at this moment. */
async function runningNow (marker: string): Promise<number> {
  const { rows } = await observer.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND query ILIKE $1`,
    [`%${marker}%`]
  )
  return rows[0]!.count
}

async function backendOf (pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]!.pid
}

async function ids (): Promise<number[]> {
  return (await observer.query<{ id: number }>('SELECT id FROM entry ORDER BY id')).rows.map(({ id }) => id)
}

/** A deadline that passes when the test says so: `leave` is the other way to end a unit of work. */
const anHourMs = 3_600_000

test('a statement that outlives its deadline ends in PostgreSQL, and its connection serves the next', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 }, { statementTimeouts: 'off' })
  const pid = await backendOf(t.pool)
  const late = workWith(Deadline.in(60)).run(() => t.pool.query('SELECT pg_sleep(3600) -- outlives'))
  await assert.rejects(late, { code: 'DEADLINE_EXCEEDED', statusCode: 504 })
  assert.equal(await backendOf(t.pool), pid)
  assert.equal(await runningNow('-- outlives'), 0)
  assert.equal(t.metric('db_client_statements_cancelled_total', { reason: 'deadline' }), 1)
  assert.ok(t.metric('db_client_cancel_requests_total', { outcome: 'processed' }) >= 1)
})

test('a statement whose caller leaves ends in PostgreSQL, and the time that it went on is counted', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const pid = await backendOf(t.pool)
  const work = workWith()
  const left = work.run(() => t.pool.query('SELECT pg_sleep(3600) -- left'))
  const outcome = assert.rejects(left, { code: 'CALLER_GONE', statusCode: 499 })
  await waitUntil('the statement runs', async () => await runningNow('-- left') === 1)
  work.leave()
  await outcome
  assert.equal(await backendOf(t.pool), pid)
  assert.equal(await runningNow('-- left'), 0)
  const labels = { work: 'statement', reason: 'caller_gone' }
  assert.equal(t.metric('work_after_caller_left_total', labels), 1)
  const seconds = t.metric('work_after_caller_left_seconds_total', labels)
  assert.ok(seconds > 0 && seconds < 5, `${seconds} s`)
})

test('work whose time is over begins no statement', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  await t.pool.query('SELECT 1')
  const client = await t.pool.connect()
  const work = workWith()
  work.leave()
  await work.run(async () => {
    await assert.rejects(t.pool.query('SELECT 2'), { code: 'CALLER_GONE' })
    await assert.rejects(client.query('SELECT 3'), { code: 'CALLER_GONE' })
  })
  await assert.rejects(workWith(Deadline.in(0)).run(() => client.query('SELECT 4')), {
    code: 'DEADLINE_EXCEEDED',
  })
  client.release()
  assert.deepEqual(proxy.texts.filter((text) => /^SELECT [234]$/.test(text)), [])
})

test('a statement that waits behind another on its connection is never sent once nobody waits for it', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  const client = await t.pool.connect()
  const [patient, impatient] = [workWith(), workWith()]
  const first = patient.run(() => client.query('SELECT pg_sleep(0.2), 1 AS one'))
  const second = impatient.run(() => client.query('SELECT 2 AS never'))
  const third = patient.run(() => client.query('SELECT 3 AS three'))
  impatient.leave()
  await assert.rejects(second, { code: 'CALLER_GONE' })
  assert.equal((await first).rows[0].one, 1)
  assert.equal((await third).rows[0].three, 3)
  client.release()
  assert.equal(proxy.cancelRequests, 0)
  assert.ok(!proxy.texts.includes('SELECT 2 AS never'))
})

for (const holder of ['the pool', 'one client'] as const) {
  test(`a cancel request that comes late does not end the next statement of ${holder}`, async () => {
    await using proxy = await countingProxy(database.url)
    await using t = testPool({ connectionString: proxy.url, max: 1 })
    await t.pool.query('SELECT 1')
    const client = holder === 'one client' ? await t.pool.connect() : undefined
    const via = client ?? t.pool
    const { promise: release, resolve: letGo } = Promise.withResolvers<void>()
    proxy.holdCancels(release)
    const work = workWith()
    const given = work.run(() => via.query('SELECT pg_sleep(0.6) -- ends by itself'))
    const outcome = assert.rejects(given, { code: 'CALLER_GONE' })
    await waitUntil('the statement runs', () => proxy.texts.some((text) => text.includes('by itself')))
    work.leave()
    await outcome
    const next = via.query('SELECT pg_sleep(0.3), 2 AS two -- next')
    await waitUntil('the request is held back', () => proxy.cancelRequests >= 1)
    await waitUntil('the statement ended by itself', async () => await runningNow('by itself') === 0)
    // Whatever was sent to the server by now is in the proxy's list once this came through.
    await observer.query('SELECT pg_sleep(0.05)')
    assert.ok(!proxy.texts.some((text) => text.includes('-- next')), 'the next one must wait for the request')
    letGo()
    assert.equal((await next).rows[0].two, 2)
    client?.release()
  })
}

test('statements of many units of work that end at all times never end one another', async () => {
  await using t = testPool({ connectionString: database.url, max: 2 })
  await t.pool.query('SELECT 1')
  let ended = 0
  const rounds = Array.from({ length: 8 }, async (_, lane) => {
    for (let round = 0; round < 12; round++) {
      const work = workWith(Deadline.in(1 + (lane * 7 + round * 5) % 23))
      await work.run(() => t.pool.query('SELECT pg_sleep(0.01)')).catch(({ code }: { code: string }) => {
        assert.equal(code, 'DEADLINE_EXCEEDED')
        ended++
      })
      const { rows } = await t.pool.query('SELECT pg_sleep(0.001), $1::int AS lane', [lane])
      assert.equal(rows[0].lane, lane)
    }
  })
  await Promise.all(rounds)
  assert.ok(ended > 0)
})

test('a commit that was sent finishes, though the deadline passes and the caller leaves', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  await t.pool.query(`CREATE FUNCTION slow () RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(1.3); RETURN NULL; END $$`)
  await t.pool.query('CREATE TABLE slow_entry (id int)')
  await t.pool.query(`CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()`)
  const byHand = async (work: (tx: pg.PoolClient) => Promise<unknown>): Promise<void> => {
    const client = await t.pool.connect()
    try {
      await client.query('BEGIN')
      await work(client)
      await client.query('COMMIT')
    } finally {
      client.release()
    }
  }
  const ways = [byHand, (work: (tx: Transaction) => Promise<unknown>) => transaction(t.pool, work)]
  for (const way of ways) {
    // The session has a timeout of a second, which the commit must not be held to either.
    for (const work of [workWith(Deadline.in(900)), workWith()]) {
      const committed = work.run(() => way((tx) => tx.query('INSERT INTO slow_entry VALUES (1)')))
      await waitUntil('the commit runs', async () => await runningNow('commit') === 1)
      work.leave()
      await committed
    }
  }
  assert.equal((await t.pool.query('SELECT * FROM slow_entry')).rowCount, 4)
  assert.equal(t.metric('db_client_cancel_requests_total', { outcome: 'processed' }), 0)
})

test('a connection whose cancel is not confirmed is lent to nobody; another one serves', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 2 })
  const pid = await backendOf(t.pool)
  const { promise: release, resolve: letGo } = Promise.withResolvers<void>()
  proxy.holdCancels(release)
  const work = workWith()
  const given = work.run(() => t.pool.query('SELECT pg_sleep(0.5) -- soon over'))
  const outcome = assert.rejects(given, { code: 'CALLER_GONE' })
  await waitUntil('the statement runs', () => proxy.texts.some((text) => text.includes('soon over')))
  work.leave()
  await outcome
  await waitUntil('the statement ended by itself', async () => await runningNow('soon over') === 0)
  assert.notEqual(await backendOf(t.pool), pid)
  letGo()
  await waitUntil('both are free', () => t.pool.idleCount === 2)
})

test('a transaction of which a statement was given up is rolled back, and its connection serves on', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const pid = await backendOf(t.pool)
  const work = workWith(Deadline.in(80))
  const late = work.run(() =>
    transaction(t.pool, async (tx) => {
      await tx.query('INSERT INTO entry VALUES (1)')
      await tx.query('SELECT pg_sleep(3600)')
    })
  )
  await assert.rejects(late, { code: 'DEADLINE_EXCEEDED' })
  assert.equal(await backendOf(t.pool), pid)
  assert.deepEqual(await ids(), [])
})

test('a transaction whose caller has left by its end is not committed', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const work = workWith()
  const left = work.run(() =>
    transaction(t.pool, async (tx) => {
      await tx.query('INSERT INTO entry VALUES (2)')
      work.leave()
    })
  )
  await assert.rejects(left, { code: 'CALLER_GONE' })
  assert.deepEqual(await ids(), [])
})

test('work that must finish goes on in a transaction after the caller has left', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const work = workWith(Deadline.in(anHourMs))
  await work.run(async () => {
    const client = await t.pool.connect()
    await client.query('BEGIN')
    work.leave()
    await finishing(async () => {
      await client.query('INSERT INTO entry VALUES (3)')
      await client.query('COMMIT')
    })
    client.release()
  })
  assert.deepEqual(await ids(), [3])
})

test('a connection that comes back inside a transaction that was given up is not lent again', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const work = workWith()
  const pid = await work.run(async () => {
    const client = await t.pool.connect()
    await client.query('BEGIN')
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    work.leave()
    await assert.rejects(client.query('COMMIT'), { code: 'CALLER_GONE' })
    client.release()
    return rows[0]!.pid
  })
  assert.notEqual(await backendOf(t.pool), pid)
})

test('a rollback by hand is sent, though nobody waits, and its connection serves on', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const pid = await backendOf(t.pool)
  const work = workWith()
  await work.run(async () => {
    const client = await t.pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO entry VALUES (5)')
    work.leave()
    await client.query('ROLLBACK')
    client.release()
  })
  assert.equal(await backendOf(t.pool), pid)
  assert.ok(!(await ids()).includes(5))
})

test('a statement that the server ended before our timer ran is told as its deadline', async () => {
  // The event loop is too busy for timers, but not for the answer of the server.
  const busy: Clock = { ...systemClock, after: () => () => {} }
  await using t = testPool({ connectionString: database.url, max: 1 })
  await t.pool.query('SELECT 1')
  const late = workWith(Deadline.in(90, busy)).run(() => t.pool.query('SELECT pg_sleep(3600)'))
  await assert.rejects(late, { code: 'DEADLINE_EXCEEDED' })
})

test('no more cancel requests are under way than may be, and none for a statement that has ended', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 5 }, { cancelLimit: 2 })
  // All connections are open before, so that none has ended when the last begins.
  const clients = await Promise.all(Array.from({ length: 5 }, () => t.pool.connect()))
  for (const client of clients) client.release()
  const { promise: release, resolve: letGo } = Promise.withResolvers<void>()
  proxy.holdCancels(release)
  const work = workWith()
  const given = Array.from(
    { length: 5 },
    () => work.run(() => t.pool.query('SELECT pg_sleep(1) -- of five'))
  )
  const outcomes = Promise.allSettled(given)
  await waitUntil('all run', async () => await runningNow('-- of five') === 5)
  work.leave()
  await outcomes
  await waitUntil('all ended by themselves', async () => await runningNow('-- of five') === 0)
  assert.equal(proxy.cancelRequests, 2)
  letGo()
  await waitUntil('all are free', () => t.pool.idleCount === 5)
  assert.equal(proxy.cancelRequests, 2)
  assert.equal(t.metric('work_after_caller_left_total', { work: 'statement', reason: 'caller_gone' }), 5)
})

test('a cancel request that did nothing is repeated', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 }, { statementTimeouts: 'off' })
  const pid = await backendOf(t.pool)
  proxy.dropNextCancel()
  const late = workWith(Deadline.in(60)).run(() => t.pool.query('SELECT pg_sleep(3600) -- twice'))
  await assert.rejects(late, { code: 'DEADLINE_EXCEEDED' })
  assert.equal(await backendOf(t.pool), pid)
  assert.ok(proxy.cancelRequests >= 2)
})

test('cancel requests beyond what may be under way are sent in their turn', async () => {
  await using t = testPool({ connectionString: database.url, max: 5 }, { cancelLimit: 1 })
  const work = workWith()
  const given = Array.from(
    { length: 5 },
    () => work.run(() => t.pool.query('SELECT pg_sleep(3600) -- in turn'))
  )
  const outcomes = Promise.allSettled(given)
  await waitUntil('all run', async () => await runningNow('-- in turn') === 5)
  work.leave()
  await outcomes
  await waitUntil('all are free', () => t.pool.idleCount === 5)
  assert.equal(await runningNow('-- in turn'), 0)
})

test('a connection to which a cancel request may still come is cut, though its statement has ended', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 }, { confirmMs: 700 })
  const pid = await backendOf(t.pool)
  const { promise: release, resolve: letGo } = Promise.withResolvers<void>()
  proxy.holdCancels(release)
  const work = workWith()
  const outcome = assert.rejects(work.run(() => t.pool.query('SELECT pg_sleep(0.4) -- in doubt')), {
    code: 'CALLER_GONE',
  })
  await waitUntil('the statement runs', () => proxy.texts.some((text) => text.includes('in doubt')))
  work.leave()
  await outcome
  assert.notEqual(await backendOf(t.pool), pid)
  assert.equal(t.metric('db_client_cancel_requests_total', { outcome: 'in_doubt' }), 1)
  letGo()
})

test('a database that does not confirm a cancel loses the connection, not the pool', async () => {
  await using proxy = await countingProxy(database.url)
  const config = { connectionString: proxy.url, max: 1, connectionTimeoutMillis: 100 }
  await using t = testPool(config, { confirmMs: 100, statementTimeouts: 'off' })
  const client = await t.pool.connect()
  await client.query('SELECT 1')
  const cut = new Promise((resolve) => client.once('end', () => resolve(undefined)))
  const frozen = workWith(Deadline.in(50)).run(() => {
    const result = client.query('SELECT pg_sleep(3600)')
    proxy.freeze()
    return result
  })
  await assert.rejects(frozen, { code: 'DEADLINE_EXCEEDED' })
  await cut
  await assert.rejects(client.query('SELECT 1'), { code: 'DATABASE_LOST' })
  client.release()
  assert.equal(t.pool.totalCount, 0)
  await assert.rejects(t.pool.query('SELECT 1'), { code: 'DATABASE_LOST' })
})

test('a connection that the server ends fails its work with one kind of error, and the pool recovers', async () => {
  await using t = testPool({ connectionString: database.url, max: 2 })
  const running = t.pool.query('SELECT pg_sleep(3600) -- to be ended')
  const outcome = assert.rejects(running, { code: 'DATABASE_LOST', statusCode: 503 })
  await waitUntil('the statement runs', async () => await runningNow('to be ended') === 1)
  await observer.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%to be ended%' AND pid <> pg_backend_pid()"
  )
  await outcome
  const itself = t.pool.query('SELECT pg_terminate_backend(pg_backend_pid())')
  await assert.rejects(itself, { code: 'DATABASE_LOST' })
  assert.equal((await t.pool.query('SELECT 1 AS one')).rows[0].one, 1)
  assert.equal(t.pool.waitingCount, 0)
})

test('a transaction whose connection the server ends fails, and leaves nothing', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const failing = transaction(t.pool, async (tx) => {
    await tx.query('INSERT INTO entry VALUES (4)')
    await tx.query('SELECT pg_terminate_backend(pg_backend_pid())')
  })
  await assert.rejects(failing, { code: 'DATABASE_LOST' })
  assert.ok(!(await ids()).includes(4))
  assert.equal((await t.pool.query('SELECT 1 AS one')).rows[0].one, 1)
})
