import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { uuidv7 } from '../../../kernel/index.ts'
import type { JobStore, NewJob } from './job-store.ts'
import { postgresJobStore } from './postgres-store.ts'

let database: TestDatabase
let pool: pg.Pool
let store: JobStore

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url })
  store = postgresJobStore({ pool })
  await store.prepare()
})
after(async () => {
  await store.close()
  await pool.end()
  await database.close()
})

const tier = 'within-1m'

function newJob (parts: Partial<NewJob> = {}): NewJob {
  return {
    id: uuidv7(),
    name: 'job',
    tier,
    tenant: '',
    weight: 1,
    priority: 0,
    payload: '{}',
    attempts: 3,
    tracked: false,
    context: {},
    ...parts,
  }
}

/** All that waits, as PostgreSQL writes it: to the microsecond. */
async function rows (): Promise<readonly string[]> {
  const { rows: found } = await pool.query<{ row: string }>(
    'SELECT job::text AS row FROM plimsoll_job AS job ORDER BY id'
  )
  return found.map(({ row }) => row)
}

const differing = [
  newJob({
    name: 'one "quoted"',
    tenant: 'a, {b}',
    payload: '{"text":"line\\n \\u001e \\\\ end"}',
    priority: -8,
  }),
  newJob({ tenant: '', payload: 'null', priority: 7, attempts: 32_000, weight: 0.001 }),
  newJob({ tenant: 'NULL', payload: '"ü 🚢"', tracked: true, expiresAtMs: 4_102_444_800_123 }),
  newJob({ unique: { key: 'k,"1"' }, context: { tenant: 'x' } }),
]
const alike = [newJob({ tenant: 'acme' }), newJob({ tenant: 'acme' })]

for (const [what, jobs] of [['differ in all they can', differing], ['are alike', alike]] as const) {
  test(`jobs that ${what} come out of a lease as they were`, async () => {
    await store.enqueue(pool, jobs)
    await pool.query(`
      UPDATE plimsoll_job SET due_at = due_at - interval '3 days 1.234567 s', attempt = attempt + 2,
        suspect = tenant = ''`)
    const waiting = await rows()
    assert.equal(waiting.length, jobs.length)
    const claimed = await store.claim({ tier, limit: 10, leaseMs: 60_000 })
    assert.deepEqual(await rows(), [])
    for (const job of jobs) {
      const mine = claimed?.jobs.find(({ id }) => id === job.id)
      assert.ok(mine !== undefined)
      const { enqueuedAtMs, waitedMs, attempt, ...same } = mine
      assert.deepEqual({ ...same, unique: same.unique?.key }, {
        runAtMs: undefined,
        expiresAtMs: undefined,
        cap: undefined,
        ...job,
        unique: job.unique?.key,
      })
      assert.equal(attempt, 3)
      assert.ok(Math.abs(enqueuedAtMs - Date.now()) < 60_000, `enqueued at ${enqueuedAtMs}`)
      assert.ok(Math.abs(waitedMs - 259_201_234) < 60_000, `waited ${waitedMs} ms`)
    }
    assert.deepEqual([...await store.queued(jobs.map(({ id }) => id))].toSorted(), jobs.map(({ id }) => id))
    await store.giveBack(claimed!.token)
    assert.deepEqual(await rows(), waiting)
    const again = await store.claim({ tier, limit: 10, leaseMs: 60_000 })
    await store.settle(again!.token, jobs.map(({ id }) => ({ id, kind: 'done' })))
  })
}
