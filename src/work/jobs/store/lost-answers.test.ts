import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import type { JobStore } from './job-store.ts'
import { postgresJobStore } from './postgres-store.ts'
import { claimed, done, empty, failure, newJobs, someTier, tierOf } from './store-under-test.fixture.ts'

let database: TestDatabase
let pool: pg.Pool
let store: JobStore
/** The next statement with this text takes effect, and its answer is lost. */
let losing: string | undefined

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
  pool.on('error', () => {})
  const faulty = new Proxy(pool, {
    get (target, property, receiver) {
      if (property !== 'query') return Reflect.get(target, property, receiver)
      return async (query: string | pg.QueryConfig, values?: unknown[]) => {
        const result = await pool.query(query, values)
        const text = typeof query === 'string' ? query : query.text
        if (losing === undefined || !text.includes(losing)) return result
        losing = undefined
        throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' })
      }
    },
  })
  store = postgresJobStore({ pool: faulty })
  await store.prepare()
})

after(async () => {
  await store.close()
  await pool.end()
  await database.close()
})

test('jobs of a claim whose answer never came wait again with the next upkeep, as if they had not been claimed', async () => {
  const tier = someTier()
  await store.enqueue(pool, newJobs(3, tier))
  const kept = await claimed(store, tier, 1)
  losing = 'WITH suspects'
  await assert.rejects(store.claim({ tier, limit: 10, leaseMs: 60_000 }), { code: 'ECONNRESET' })
  assert.deepEqual(await tierOf(store, tier), { ...empty, running: 3 })
  await store.upkeep()
  const { jobs } = await claimed(store, tier)
  assert.deepEqual(jobs.map(({ attempt }) => attempt), [1, 1])
  assert.deepEqual(await store.settle(kept.token, done(kept.jobs)), [])
})

test('a settlement whose answer never came happens once, and nothing of it counts as lost', async () => {
  const tier = someTier()
  await store.enqueue(pool, newJobs(4, tier))
  const { token, jobs } = await claimed(store, tier)
  const [first, second, ...rest] = jobs
  losing = 'UPDATE plimsoll_job_lease SET settled'
  const atMs = Date.now() + 60_000
  assert.deepEqual(
    await store.settle(token, [{ id: first!.id, kind: 'retry', atMs, error: failure }, ...done([second!])]),
    []
  )
  assert.deepEqual(await tierOf(store, tier), { ...empty, running: 2, later: 1 })
  losing = 'DELETE FROM plimsoll_job_lease'
  assert.deepEqual(await store.settle(token, done(rest)), [])
  assert.deepEqual(await tierOf(store, tier), { ...empty, later: 1 })
})

test('a settlement that the database refuses fails at once', async () => {
  const tier = someTier()
  await store.enqueue(pool, newJobs(1, tier))
  const { token, jobs: [job] } = await claimed(store, tier)
  const impossible = { ...failure, message: 'with \0' }
  await assert.rejects(store.settle(token, [{ id: job!.id, kind: 'dead', error: impossible }]), {
    code: '22P05',
  })
  assert.deepEqual(await store.settle(token, done([job!])), [])
})
