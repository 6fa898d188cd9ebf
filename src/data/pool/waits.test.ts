import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { after, before, test } from 'node:test'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { silentServer } from '../../engines/silent-server.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { currentContext, Deadline, manualClock } from '../../kernel/index.ts'
import { testPool, workWith } from './pool.fixture.ts'

let database: TestDatabase

before(async () => {
  database = await testDatabase()
})
after(() => database.close())

test('a wait for a connection ends after the longest wait, with an error that says what to do', async () => {
  const clock = manualClock()
  await using t = testPool({ connectionString: database.url, max: 1 }, { clock, waitMs: 300 })
  const busy = await t.pool.connect()
  const waiting = t.pool.query('SELECT 1')
  assert.equal(t.pool.waitingCount, 1)
  assert.equal(t.metric('db_client_connections_waiting'), 1)
  clock.advance(300)
  await assert.rejects(waiting, {
    code: 'DATABASE_BUSY',
    statusCode: 503,
    waitedMs: 300,
    message: /all 1 are in use; .*database\.poolSize/,
  })
  assert.equal(t.pool.waitingCount, 0)
  assert.equal(t.metric('db_client_connection_timeouts_total', { reason: 'wait' }), 1)
  busy.release()
})

test('a wait for a connection ends with the deadline, and whoever comes next has its turn', async () => {
  const clock = manualClock()
  await using t = testPool({ connectionString: database.url, max: 1 }, { clock })
  const busy = await t.pool.connect()
  const { context, run } = workWith(Deadline.in(100, clock), clock)
  const late = run(() => t.pool.query('SELECT 1'))
  const next = t.pool.query('SELECT 2 AS two')
  clock.advance(100)
  await assert.rejects(late, { code: 'DEADLINE_EXCEEDED' })
  assert.equal(t.pool.waitingCount, 1)
  busy.release()
  assert.equal((await next).rows[0].two, 2)
  assert.equal(t.metric('db_client_connection_timeouts_total', { reason: 'deadline' }), 1)
  assert.equal(t.metric('db_client_connection_wait_time_seconds'), 2, 'those that ended with a connection')
  assert.equal(getEventListeners(context.signal, 'abort').length, 0)
  assert.equal(clock.pending(), 0)
})

test('one timer serves all who wait, and each waits as long as the others', async () => {
  const clock = manualClock()
  await using t = testPool({ connectionString: database.url, max: 1 }, { clock, waitMs: 300 })
  const busy = await t.pool.connect()
  const ended: number[] = []
  const waiting = [0, 100, 200].map((startMs) => {
    clock.advance(startMs === 0 ? 0 : 100)
    return t.pool.query('SELECT 1').catch(() => ended.push(clock.now()))
  })
  const beganMs = clock.now() - 200
  assert.equal(clock.pending(), 1)
  for (let step = 0; step < 10; step++) {
    clock.advance(50)
    await new Promise(setImmediate)
  }
  await Promise.all(waiting)
  assert.deepEqual(ended.map((ms) => ms - beganMs), [300, 400, 500])
  assert.equal(clock.pending(), 0)
  busy.release()
})

test('a line that is full takes nobody more, and says so', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 }, { lineLimit: 2 })
  const busy = await t.pool.connect()
  const waiting = [1, 2].map(() => t.pool.query('SELECT 1 AS one'))
  await assert.rejects(t.pool.query('SELECT 2'), { code: 'DATABASE_LINE_FULL', statusCode: 503, waiting: 2 })
  await assert.rejects(t.pool.connect(), { code: 'DATABASE_LINE_FULL' })
  assert.equal(t.metric('db_client_connection_timeouts_total', { reason: 'line_full' }), 2)
  busy.release()
  for (const result of waiting) assert.deepEqual((await result).rows, [{ one: 1 }])
})

test('a connection that is used up is ended, though others wait for it', async () => {
  await using t = testPool({ connectionString: database.url, max: 1, maxUses: 2 })
  const pids = await Promise.all([1, 2, 3, 4].map(async () => {
    const client = await t.pool.connect()
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    client.release()
    return rows[0]!.pid
  }))
  assert.equal(new Set(pids).size, 2)
})

test('a connection that breaks between two loans is not lent, and the next gets another', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const client = await t.pool.connect()
  client.release()
  assert.equal(t.pool.idleCount, 1)
  client.emit('error', new Error('it broke'))
  assert.deepEqual((await t.pool.query('SELECT 1 AS one')).rows, [{ one: 1 }])
})

test('a waiter whose caller leaves gives up its place', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const busy = await t.pool.connect()
  const work = workWith()
  const left = work.run(() => t.pool.connect())
  work.leave()
  await assert.rejects(left, { code: 'CALLER_GONE' })
  assert.equal(t.pool.waitingCount, 0)
  busy.release()
  assert.equal(t.pool.idleCount, 1)
})

test('connections are lent in the order in which they were asked for, and never more than there are', async () => {
  await using t = testPool({ connectionString: database.url, max: 2 })
  const order: number[] = []
  let lent = 0
  await Promise.all(Array.from({ length: 20 }, async (_, number) => {
    const client = await t.pool.connect()
    order.push(number)
    lent++
    assert.ok(lent <= 2)
    await client.query('SELECT 1')
    lent--
    client.release()
  }))
  const waited = order.filter((number) => number >= 2) // the first two open connections, in any order
  assert.deepEqual(waited, waited.toSorted((one, other) => one - other))
})

test('an opening that takes too long ends with the deadline; the pool is free once it has failed', async () => {
  await using silence = await silentServer()
  const url = `postgres://someone@127.0.0.1:${silence.port}/shop`
  await using t = testPool({ connectionString: url, max: 1, connectionTimeoutMillis: 200 })
  const late = workWith(Deadline.in(20)).run(() => t.pool.query('SELECT 1'))
  await assert.rejects(late, { code: 'DEADLINE_EXCEEDED' })
  await waitUntil('the opening has failed', () => t.pool.totalCount === 0)
  assert.equal(t.metric('db_client_connections', { state: 'used' }), 0)
  await assert.rejects(t.pool.query('SELECT 1'), { code: 'DATABASE_LOST', statusCode: 503 })
})

test('a connection that opens after its asker has left goes to the next', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const work = workWith()
  const left = work.run(() => t.pool.query('SELECT 1'))
  const next = t.pool.query('SELECT 2 AS two')
  work.leave()
  await assert.rejects(left, { code: 'CALLER_GONE' })
  assert.equal((await next).rows[0].two, 2)
  assert.equal(t.pool.totalCount, 1)
})

test('a connection does not carry the context of the work for which it was opened', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const seen: unknown[] = []
  t.pool.on('connect', (client) => {
    seen.push(currentContext())
    client.on('notice', () => seen.push(currentContext()))
  })
  await workWith().run(() => t.pool.query(`DO $$ BEGIN RAISE NOTICE 'heard'; END $$`))
  assert.deepEqual(seen, [undefined, undefined])
})

test('a pool that has ended says so, to those who wait too', async () => {
  const t = testPool({ connectionString: database.url, max: 1 })
  const busy = await t.pool.connect()
  const waiting = t.pool.query('SELECT 1')
  const ending = t.pool.end()
  busy.release()
  await assert.rejects(waiting, /after calling end/)
  await ending
  await assert.rejects(t.pool.query('SELECT 1'), /after calling end/)
})

test('a wait, a limit and a time to confirm that make no sense are refused', () => {
  const config = { connectionString: database.url }
  assert.throws(() => testPool(config, { waitMs: 0 }), { setting: 'waitMs' })
  assert.throws(() => testPool(config, { confirmMs: Number.NaN }), { setting: 'confirmMs' })
  assert.throws(() => testPool(config, { cancelLimit: 0 }), { setting: 'cancelLimit' })
  assert.throws(() => testPool(config, { lineLimit: -1 }), { setting: 'lineLimit' })
  assert.throws(() => testPool(config, { preparedLimit: 0 }), { setting: 'preparedLimit' })
})
