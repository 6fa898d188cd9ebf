import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Type } from 'typebox'
import { transaction } from '../../data/index.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { manualClock, openContext, runWithContext } from '../../kernel/index.ts'
import { defineJob } from './define-job.ts'
import { counted, openYard, type Yard } from './jobs.fixture.ts'
import { postgresJobStore } from './store/index.ts'

let yard: Yard

before(async () => {
  yard = await openYard()
})

after(() => yard[Symbol.asyncDispose]())

const input = Type.Object({ n: Type.Number() })

async function waiting (
  pool: { query(text: string, values: unknown[]): Promise<{ rows: unknown[] }> },
  name: string
): Promise<number> {
  const { rows } = await pool.query('select 1 from plimsoll_job where name = $1', [name])
  return rows.length
}

test('a payload that does not fit is refused, and nothing of its batch is written', async () => {
  const job = defineJob('fit', { input, maxBytes: 20, async run () {} })
  const { pool } = await yard.launch([job])
  await assert.rejects(job.enqueueMany(pool, [{ n: 1 }, { n: 'x' as never }]), {
    code: 'JOB_PAYLOAD_INVALID',
  })
  await assert.rejects(job.enqueue(pool, { n: 1, more: 'x'.repeat(20) } as never), {
    code: 'JOB_PAYLOAD_TOO_LARGE',
  })
  assert.equal(await waiting(pool, 'fit'), 0)
})

test('a job that the service does not list is refused, were it only another of the same name', async () => {
  const job = defineJob('listed', { input, async run () {} })
  const other = defineJob('listed', { input, async run () {} })
  const { pool, jobs } = await yard.launch([job])
  await assert.rejects(jobs.enqueue(pool, other, { n: 1 }), { code: 'JOB_UNKNOWN', job: 'listed' })
  assert.throws(() => jobs.job('nobody'), { code: 'JOB_UNKNOWN' })
  assert.equal(jobs.job('listed'), job)
})

test('a transaction tells which queue is meant; where none can, it is said', async () => {
  const job = defineJob('bound', { input, async run () {} })
  const [one, two] = [await yard.launch([job]), await yard.launch([job])]
  await transaction(one.pool, (tx) => job.enqueue(tx, { n: 1 }))
  const client = await two.pool.connect()
  try {
    await assert.rejects(job.enqueue(client, { n: 1 }), { code: 'JOBS_NOT_OPEN' })
    await two.jobs.enqueue(client, job, { n: 2 })
  } finally {
    client.release()
  }
  assert.equal(await waiting(one.pool, 'bound'), 2)
  assert.equal(counted(one.registry, 'plimsoll_jobs_enqueued_total', { outcome: 'new' }), 1)
})

test('a queue that is closed takes nothing more', async () => {
  const job = defineJob('closed', { input, async run () {} })
  const { pool, jobs } = await yard.launch([job])
  await jobs.close()
  await assert.rejects(job.enqueue(pool, { n: 1 }), { code: 'JOBS_NOT_OPEN' })
})

test('many are written in order, more than a statement takes, and all or none through a pool', async () => {
  const job = defineJob('many', { input, async run () {} })
  const { pool } = await yard.launch([job])
  const tickets = await job.enqueueMany(pool, Array.from({ length: 2_500 }, (_, n) => ({ n })))
  assert.equal(new Set(tickets.map(({ id }) => id)).size, 2_500)
  const { rows } = await pool.query<{ id: string; n: number }>(
    `select id, (payload::json->>'n')::int as n from plimsoll_job where name = 'many' order by n`
  )
  assert.deepEqual(rows.map(({ id }) => id), tickets.map(({ id }) => id))
  assert.deepEqual(await job.enqueueMany(pool, []), [])
})

test('several statements through a pool are one transaction', async () => {
  const job = defineJob('broken', { input, async run () {} })
  const { pool: own } = await yard.launch([])
  const store = postgresJobStore({ pool: own })
  let statements = 0
  const { pool } = await yard.launch([job], {
    store: {
      ...store,
      enqueue (tx, jobs) {
        if (++statements === 2) throw new Error('the connection broke')
        return store.enqueue(tx, jobs)
      },
    },
  })
  await assert.rejects(job.enqueueMany(pool, Array.from({ length: 1_500 }, (_, n) => ({ n }))), /broke/)
  assert.equal(await waiting(pool, 'broken'), 0)
})

test('of jobs with one key only the first is kept, and its ticket is what the others get', async () => {
  const job = defineJob('unique', { input, unique: ({ n }) => `n${n}`, async run () {} })
  const { pool, worker, registry } = await yard.launch([job])
  const [first, second, again] = await job.enqueueMany(pool, [{ n: 1 }, { n: 2 }, { n: 1 }])
  assert.deepEqual([first?.duplicate, second?.duplicate, again?.duplicate], [false, false, true])
  assert.equal(again?.id, first?.id)
  assert.deepEqual(await job.enqueue(pool, { n: 1 }), { id: first?.id, duplicate: true })
  const other = await job.enqueue(pool, { n: 1 }, { unique: 'something else' })
  assert.equal(other.duplicate, false)
  assert.equal(counted(registry, 'plimsoll_jobs_enqueued_total', { outcome: 'duplicate' }), 2)
  await worker.start()
  await waitUntil('all have ended', async () => (await waiting(pool, 'unique')) === 0 && worker.running === 0)
  await waitUntil('the key is free', async () => !(await job.enqueue(pool, { n: 1 })).duplicate)
  await worker.close()
})

test('a key with a window stays taken after its job has ended', async () => {
  let runs = 0
  const job = defineJob('window', {
    input,
    unique: () => ({ key: 'all', for: '1h' }),
    async run () {
      runs++
    },
  })
  const { pool, worker } = await yard.launch([job])
  await worker.start()
  const { id } = await job.enqueue(pool, { n: 1 })
  await waitUntil('it has run', () => runs === 1)
  await worker.close()
  assert.deepEqual(await job.enqueue(pool, { n: 1 }), { id, duplicate: true })
})

test('a delayed job does not begin before its time, and soon after it', async () => {
  let lateMs: number[] = []
  const job = defineJob('later', {
    input,
    async run ({ n }) {
      lateMs.push(Date.now() - n)
    },
  })
  const { pool, worker } = await yard.launch([job])
  await worker.start()
  const isSoon = (): boolean => lateMs.filter((ms) => ms < 150).length >= 4
  // Upkeep alone finds them once a second, so that never four of five are soon. A busy machine may stand still for a moment.
  for (let round = 0; round < 3 && !isSoon(); round++) {
    lateMs = []
    const startMs = Date.now()
    for (const afterMs of [300, 500, 700, 900]) {
      await job.enqueue(pool, { n: startMs + afterMs }, { runAt: new Date(startMs + afterMs) })
    }
    await job.enqueue(pool, { n: startMs + 1_100 }, { delay: Math.max(1, startMs + 1_100 - Date.now()) })
    await waitUntil('all have run', () => lateMs.length === 5)
    assert.ok(lateMs.every((ms) => ms >= -5), lateMs.join(' '))
  }
  await worker.close()
  assert.ok(isSoon(), lateMs.join(' '))
})

test('a job that was not begun in time is not run any more', async () => {
  let runs = 0
  const job = defineJob('stale', {
    input,
    expires: '1ms',
    tracked: true,
    async run () {
      runs++
    },
  })
  const { pool, worker, jobs } = await yard.launch([job])
  const { id } = await job.enqueue(pool, { n: 1 })
  await pool.query('select pg_sleep(0.01)')
  await worker.start()
  assert.equal((await jobs.waitFor(id))?.state, 'expired')
  assert.equal(runs, 0)
  await worker.close()
})

test('the tenant is that of the context, unless another is named, and its weight is asked for once a call', async () => {
  const asked: string[] = []
  const job = defineJob('tenants', { input, async run () {} })
  const { pool } = await yard.launch([job], {
    weights (tenant) {
      asked.push(tenant)
      return tenant === 'gold' ? 4 : 1
    },
  })
  await runWithContext(openContext({ id: 'request', tenant: 'gold' }), async () => {
    await job.enqueueMany(pool, [{ n: 1 }, { n: 2 }])
    await job.enqueue(pool, { n: 3 }, { tenant: 'tin' })
  })
  await job.enqueue(pool, { n: 4 })
  assert.deepEqual(asked, ['gold', 'tin', ''])
  const { rows } = await pool.query(
    `select distinct tenant from plimsoll_job where name = 'tenants' order by 1`
  )
  assert.deepEqual(rows.map(({ tenant }) => tenant), ['', 'gold', 'tin'])
})

test('options that contradict each other or are out of range are refused', async () => {
  const job = defineJob('options', { input, async run () {} })
  const { pool } = await yard.launch([job], { weights: (tenant) => tenant === 'none' ? 0 : 1 })
  const bad: [Parameters<typeof job.enqueue>[2]][] = [
    [{ delay: '1s', runAt: new Date(0) }],
    [{ runAt: new Date('never') }],
    [{ delay: '5 minutes' as never }],
    [{ priority: 8 }],
    [{ priority: 0.5 }],
    [{ attempts: 0 }],
    [{ expires: 0 }],
    [{ unique: '' }],
    [{ unique: { key: 'x', for: 0 } }],
    [{ tenant: 'x'.repeat(201) }],
    [{ tenant: 'none' }],
  ]
  for (const [options] of bad)
    await assert.rejects(
      job.enqueue(pool, { n: 1 }, options),
      { code: 'SETTING_INVALID' },
      JSON.stringify(options)
    )
  assert.equal(await waiting(pool, 'options'), 0)
})

test('what a job or a queue may not be is refused at the start, by name', async () => {
  const run = async (): Promise<void> => {}
  for (
    const options of [
      { tier: 'soon' as never },
      { tier: 'within-60s' as const },
      { retry: { attempts: 0 } },
      { retry: { base: '1m', cap: '1s' } as const },
      { deadline: 0 },
      { priority: 9 },
      { cap: 0 },
      { maxBytes: 0 },
      { expires: 'soon' as never },
      { run: undefined as never },
    ]
  )
    assert.throws(
      () => defineJob('bad', { input, run, ...options }),
      { code: 'SETTING_INVALID' },
      JSON.stringify(options)
    )
  assert.throws(() => defineJob('1 bad name', { input, run }), { code: 'SETTING_INVALID' })
  const job = defineJob('twice', { input, run })
  await assert.rejects(yard.launch([job, job]), { code: 'SETTING_INVALID' })
  for (
    const options of [
      { lease: '10ms' as const },
      { tiers: { 'within-5s': { concurrency: 0 } } } as const,
      { tiers: { 'within-5s': { prefetch: -1 } } } as const,
      { tiers: { soon: {} } as never },
    ]
  ) await assert.rejects(yard.launch([job], options), { code: 'SETTING_INVALID' }, JSON.stringify(options))
})

test('a tier that breaks its promise refuses requests, and takes what jobs leave to do', async () => {
  const job = defineJob('overdue', { input, tier: 'within-1ms', async run () {} })
  const { pool, jobs } = await yard.launch([job], { look: '250ms' })
  await job.enqueue(pool, { n: 1 })
  await waitUntil('it is known', () => jobs.pressure.of('within-1ms')?.condition === 'unattended')
  const request = openContext({ id: 'request', criticality: 'normal' })
  await runWithContext(request, async () => {
    await assert.rejects(job.enqueue(pool, { n: 2 }), { code: 'TIER_OVERLOADED', statusCode: 503 })
    await job.enqueue(pool, { n: 3 }, { whenLate: 'accept' })
    await job.enqueue(pool, { n: 4 }, { delay: '1h' })
  })
  await runWithContext(openContext({ id: 'job' }), () => job.enqueue(pool, { n: 5 }))
  await assert.rejects(job.enqueue(pool, { n: 6 }, { whenLate: 'refuse' }), { code: 'TIER_OVERLOADED' })
  assert.equal(await waiting(pool, 'overdue'), 3)
})

test('a late tier lets in whose weight brings them soon enough, and refuses others of the same backlog', async () => {
  const clock = manualClock()
  const tier = 'within-3s'
  const job = defineJob('weighty', { input, tier, async run () {} })
  // A database of its own: a look ends with the last of all tiers that there are.
  await using own = await openYard()
  const { pool, jobs } = await own.launch([job], {
    clock,
    weights: (tenant) => tenant === 'heavy' ? 1_000 : 1,
  })
  await job.enqueueMany(pool, [{ n: 1 }, { n: 2 }], { tenant: 'first' })
  await pool.query(`update plimsoll_job set due_at = now() - interval '1 minute' where tier = $1`, [tier])
  // A worker of another process takes one each 2 seconds.
  const taken = `insert into plimsoll_job_worker (worker, tier, taken) values ('elsewhere', $1, $2)
    on conflict (worker, tier) do update set taken = excluded.taken`
  for (let count = 0; count < 2; count++) {
    await pool.query(taken, [tier, count])
    clock.advance(2_000)
    await waitUntil('it has looked', () => {
      const { drainPerSecond } = jobs.pressure.of(tier) ?? {}
      return count === 0 ? jobs.pressure.of(tier) !== undefined : drainPerSecond !== undefined
    })
    // A look that is not over yet would swallow the next one.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const asked = { whenLate: 'refuse' } as const
  await assert.rejects(job.enqueue(pool, { n: 3 }, { ...asked, tenant: 'light' }), {
    code: 'TIER_OVERLOADED',
  })
  await job.enqueue(pool, { n: 4 }, { ...asked, tenant: 'heavy' })
})
