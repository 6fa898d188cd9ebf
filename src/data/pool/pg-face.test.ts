import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { currentContext } from '../../kernel/index.ts'
import { type TestPool, testPool, workWith } from './pool.fixture.ts'

let database: TestDatabase
let t: TestPool
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  t = testPool({ connectionString: database.url, max: 2 })
  pool = t.pool
})
after(async () => {
  await t[Symbol.asyncDispose]()
  await database.close()
})

test('it is still a Pool, with its events', async () => {
  assert.ok(pool instanceof pg.Pool)
  const acquired = once(pool, 'acquire')
  const released = once(pool, 'release')
  const client = await pool.connect()
  assert.ok(client instanceof pg.Client)
  client.release()
  assert.equal((await acquired)[0], client)
  assert.equal((await released)[1], client)
})

test('every form of a query that pg takes is taken: text, values, config, prepared, rows as arrays', async () => {
  assert.deepEqual((await pool.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  assert.deepEqual((await pool.query('SELECT $1::int AS n', [2])).rows, [{ n: 2 }])
  assert.deepEqual((await pool.query({ text: 'SELECT $1::int AS n' }, [3])).rows, [{ n: 3 }])
  const prepared = { name: 'four', text: 'SELECT $1::int AS n', values: [4] }
  for (let count = 0; count < 3; count++) assert.deepEqual((await pool.query(prepared)).rows, [{ n: 4 }])
  assert.deepEqual((await pool.query({ text: 'SELECT 5, 6', rowMode: 'array' })).rows, [[5, 6]])
  const several = await pool.query('SELECT 7 AS n; SELECT 8 AS n') as unknown as pg.QueryResult[]
  assert.deepEqual(several.map(({ rows }) => rows), [[{ n: 7 }], [{ n: 8 }]])
})

test('callbacks are called with error and result, and in the context of the one who asked', async () => {
  const work = workWith()
  const seen = await work.run(() =>
    new Promise((resolve, reject) => {
      pool.query('SELECT $1::int AS n', [1], (error, { rows }) => {
        if (error !== undefined && error !== null) return reject(error)
        const inQuery = currentContext()
        pool.connect((error, client, done) => {
          if (error !== undefined || client === undefined) return reject(error)
          const inConnect = currentContext()
          client.query('SELECT 2 AS n', (error, result) => {
            done()
            if (error !== undefined && error !== null) return reject(error)
            resolve([rows, result.rows, inQuery, inConnect, currentContext()])
          })
        })
      })
    })
  )
  const { context } = work
  assert.deepEqual(seen, [[{ n: 1 }], [{ n: 2 }], context, context, context])
  const failed = await new Promise((resolve) => pool.query('SELECT nothing', (error) => resolve(error)))
  assert.equal((failed as { code: string }).code, '42703')
})

test('what waited for a connection goes on in the context of the one who asked, not of who releases', async () => {
  await using one = testPool({ connectionString: database.url, max: 1 })
  const busy = await one.pool.connect()
  const gone = workWith()
  const answered = new Promise((resolve, reject) => {
    one.pool.query('SELECT 1 AS one', (error, result) => error ? reject(error) : resolve(result.rows))
  })
  const asker = workWith()
  const seen = asker.run(() =>
    new Promise((resolve) => {
      one.pool.connect((_error, _client, done) => {
        done()
        resolve(currentContext())
      })
    })
  )
  gone.leave()
  gone.run(() => busy.release())
  assert.deepEqual(await answered, [{ one: 1 }])
  assert.equal(await seen, asker.context)
})

test('an object that submits itself, as a cursor does, passes as it is', async () => {
  const client = await pool.connect()
  const query = new pg.Query('SELECT generate_series(1, 3) AS n')
  const rows: number[] = []
  query.on('row', ({ n }: { n: number }) => rows.push(n))
  assert.equal(client.query(query), query)
  await once(query, 'end')
  client.release()
  assert.deepEqual(rows, [1, 2, 3])
})

test('a second release throws, and one with an error ends the connection', async () => {
  const client = await pool.connect()
  client.release()
  assert.throws(() => client.release(), /already been released/)
  const early = await pool.connect()
  const running = early.query('SELECT pg_sleep(0.02)')
  early.release()
  assert.throws(() => early.release(), /already been released/)
  await running
  const removed = once(pool, 'remove')
  const another = await pool.connect()
  another.release(new Error('not to be trusted'))
  assert.equal((await removed)[0], another)
})

test('a statement that fails has the error of PostgreSQL and the stack of its caller; its connection stays', async () => {
  await using one = testPool({ connectionString: database.url, max: 1 })
  const pidOf = async (): Promise<number> =>
    (await one.pool.query('SELECT pg_backend_pid() AS pid')).rows[0].pid
  const pid = await pidOf()
  await assert.rejects(async function caller () {
    await one.pool.query('SELECT 1 / 0')
  }, (error: pg.DatabaseError) => {
    assert.equal(error.code, '22012')
    assert.match(error.stack ?? '', /caller/)
    return true
  })
  await assert.rejects(one.pool.query('SELECT $1::int', 'no array' as unknown as []), /must be an array/)
  assert.equal(await pidOf(), pid)
  await assert.rejects(one.pool.query(undefined as unknown as string), TypeError)
})

test('statements that are sent without waiting run in their order', async () => {
  const client = await pool.connect()
  const results = await Promise.all(
    [1, 2, 3].map((n) => client.query<{ n: number }>('SELECT $1::int AS n', [n]))
  )
  assert.deepEqual(results.map(({ rows }) => rows[0]?.n), [1, 2, 3])
  client.release()
})

test('in pipeline mode statements are sent without waiting, and one among others is given up but not cancelled', async () => {
  await using one = testPool({ connectionString: database.url, max: 1, pipeline: true })
  await one.pool.query('SELECT 1')
  const client = await one.pool.connect()
  const work = workWith()
  const first = client.query('SELECT pg_sleep(0.1), 1 AS n')
  const second = work.run(() => client.query('SELECT 2 AS n'))
  const third = client.query('SELECT 3 AS n')
  work.leave()
  await assert.rejects(second, { code: 'CALLER_GONE' })
  assert.equal((await first).rows[0].n, 1)
  assert.equal((await third).rows[0].n, 3)
  assert.equal(one.metric('db_client_cancel_requests_total', { outcome: 'processed' }), 0)
  client.release()
})
