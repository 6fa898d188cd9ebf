import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { manualClock, uuidv7 } from '../../../kernel/index.ts'
import { jobFailure } from '../failure/index.ts'
import { pgBossJobStore } from '../pg-boss/index.ts'
import { type ClaimedJob, type JobStore, type NewJob, postgresJobStore } from '../store/index.ts'
import { DeadLetters } from './dead-letters.ts'
import type { RedriveProgress } from './redrive-options.ts'
import { redrive } from './redrive.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 6 })
})
after(async () => {
  await pool?.end()
  await database?.close()
})

const tier = 'within-5s'

function someJob (more: Partial<NewJob> = {}): NewJob {
  return {
    id: uuidv7(),
    name: 'order.charge',
    tier,
    tenant: 'acme',
    weight: 2,
    priority: 3,
    payload: '{"orderId": "17"}',
    attempts: 3,
    tracked: true,
    context: { tenant: 'acme' },
    ...more,
  }
}

/** Takes what waits, and lets it die or be done. */
async function work (
  store: JobStore,
  isBroken: (job: ClaimedJob) => boolean
): Promise<readonly ClaimedJob[]> {
  await store.upkeep()
  const batch = await store.claim({ tier, limit: 50, leaseMs: 30_000 })
  if (batch === undefined) return []
  const error = jobFailure(new Error('card 17 was refused'), '1.4.0')
  await store.settle(
    batch.token,
    batch.jobs.map((job) =>
      isBroken(job) ? { id: job.id, kind: 'dead', error } : { id: job.id, kind: 'done' }
    )
  )
  return batch.jobs
}

for (const kind of ['postgres', 'pg-boss'] as const) {
  test(`${kind}: what died is redriven as it was: the same id, one try, its receipt goes on`, async () => {
    const schema = `in_${kind}`
    await using store = kind === 'postgres' ?
      postgresJobStore({ pool, schema }) :
      pgBossJobStore({ pool, schema })
    await store.prepare()
    const letters = new DeadLetters({ pool, schema })
    const jobs = [
      ...Array.from({ length: 20 }, () => someJob({ unique: { key: uuidv7() } })),
      ...(kind === 'postgres' ? Array.from({ length: 5 }, () => someJob({ cap: 2, tenant: 'capped' })) : []),
    ]
    await store.enqueue(pool, jobs)
    const died: ClaimedJob[] = []
    await waitUntil('all are dead', async () => {
      died.push(...await work(store, () => true))
      return await letters.count() === jobs.length
    })
    const [group, ...others] = await letters.groups()
    assert.equal(others.length, 0)
    assert.deepEqual([group?.count, group?.versions[0]?.version], [jobs.length, '1.4.0'])
    assert.equal((await store.receipt(jobs[0]!.id))?.state, 'dead')

    // Somebody has enqueued one of them anew.
    const anew = someJob({ unique: jobs[0]!.unique })
    await store.enqueue(pool, [anew])
    const again: ClaimedJob[] = []
    let result: RedriveProgress | undefined
    const running = redrive({
      pool,
      store,
      schema,
      filter: { fingerprint: group!.fingerprint },
      operator: { actor: 'ann' },
      perSecond: 1_000,
      tests: 2,
    }).then((progress) => result = progress)
    await waitUntil('the redrive is over', async () => {
      again.push(...(await work(store, () => false)).filter(({ id }) => id !== anew.id))
      return result !== undefined
    })
    await running
    assert.deepEqual([result?.state, result?.failed], ['done', 0])
    const expected = new Map(died.map((job) => [job.id, job]))
    assert.equal(again.length, result!.succeeded)
    for (const { enqueuedAtMs: _now, waitedMs: _waited, ...job } of again) {
      const { enqueuedAtMs: _then, waitedMs: _before, ...was } = expected.get(job.id)!
      assert.deepEqual(JSON.parse(JSON.stringify(job)), JSON.parse(JSON.stringify({ ...was, attempt: 3 })))
      assert.equal((await store.receipt(job.id))?.state, 'done')
    }
    assert.equal(result!.succeeded + result!.duplicates, jobs.length)
  })
}

for (const kind of ['postgres', 'pg-boss'] as const) {
  test(`${kind}: what people did is forgotten after its time, but not of letters that are still there`, async () => {
    const schema = `kept_${kind}`
    const clock = manualClock()
    await using store = kind === 'postgres' ?
      postgresJobStore({ pool, schema, clock, auditKeep: '30d' }) :
      pgBossJobStore({ pool, schema, auditKeep: '30d' })
    await store.prepare()
    const letters = new DeadLetters({ pool, schema })
    const jobs = [someJob(), someJob(), someJob()]
    await store.enqueue(pool, jobs)
    await waitUntil('all are dead', async () => {
      await work(store, () => true)
      return await letters.count() === jobs.length
    })
    const [there, gone, recent] = jobs.map(({ id }) => id) as [string, string, string]
    await letters.edit(there, { payload: '{"orderId": "18"}' }, { actor: 'ann' })
    await letters.discard({ ids: [gone] }, { actor: 'ann' })
    const age = (days: number) =>
      pool.query(`UPDATE "${schema}".plimsoll_job_dead_audit SET at = at - $1 * interval '1 day'`, [days])
    await age(2)
    await letters.discard({ ids: [recent] }, { actor: 'ann' })
    await age(29)
    // Not each look sweeps.
    clock.advance(60_000)
    await store.upkeep()
    const { rows } = await pool.query<{ job: string }>(
      `SELECT job FROM "${schema}".plimsoll_job_dead_audit ORDER BY number`
    )
    assert.deepEqual(rows.map(({ job }) => job), [there, recent])
  })
}
