import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { transaction } from '../../../data/index.ts'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { postgresPurgeQueue } from './postgres-queue.ts'
import { testPurgeQueue } from './purge-queue.contract.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 8 })
  pool.on('error', () => {})
})
after(async () => {
  await pool?.end()
  await database?.close()
})

let schemas = 0

testPurgeQueue('postgres', async () => {
  const schema = `a "schema" ${schemas++}`
  const queue = postgresPurgeQueue({ pool, schema })
  await queue.prepare()
  return {
    queue,
    async pass (ms) {
      await pool.query(`UPDATE "a ""schema"" ${schemas - 1}".plimsoll_edge_purges
        SET due_at = due_at - ${ms} * interval '1 ms', made_at = made_at - ${ms} * interval '1 ms'`)
    },
    async [Symbol.asyncDispose] () {},
  }
})

test('postgres: many workers may prepare at once', async () => {
  const queues = Array.from({ length: 6 }, () => postgresPurgeQueue({ pool, schema: 'together' }))
  await Promise.all(queues.map((queue) => queue.prepare()))
})

test('postgres: an edge hears of a change if and only if its transaction commits, and not before', async () => {
  const queue = postgresPurgeQueue({ pool, schema: 'atomic' })
  await queue.prepare()
  const tagged = (tag: string): Parameters<typeof queue.enqueue>[1] => [{ purger: 'p', tag, mode: 'soft' }]
  const failure = new Error('after the purge')
  await assert.rejects(
    transaction(pool, async (tx) => {
      await queue.enqueue(tx, tagged('undone'))
      throw failure
    }),
    failure
  )
  await transaction(pool, async (tx) => {
    await queue.enqueue(tx, tagged('kept'))
    assert.deepEqual(await queue.claim('p', 10, 1_000), [], 'not before the commit')
  })
  assert.deepEqual((await queue.claim('p', 10, 1_000)).map(({ tag }) => tag), ['kept'])
})

test('postgres: nobody waits for a relay that holds a row in an open transaction', async () => {
  const queue = postgresPurgeQueue({ pool, schema: 'locked' })
  await queue.prepare()
  await queue.enqueue(undefined, [{ purger: 'p', tag: 'a', mode: 'soft' }, {
    purger: 'p',
    tag: 'b',
    mode: 'soft',
  }])
  await transaction(pool, async (tx) => {
    await tx.query(`SELECT FROM locked.plimsoll_edge_purges WHERE tag = '"a"' FOR UPDATE`)
    assert.deepEqual((await queue.claim('p', 10, 1_000)).map(({ tag }) => tag), ['b'])
  })
})
