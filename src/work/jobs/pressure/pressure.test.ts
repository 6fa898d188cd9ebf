import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { type ManualClock, manualClock, uuidv7 } from '../../../kernel/index.ts'
import { createLogger, MetricsRegistry, renderMetrics } from '../../../telemetry/index.ts'
import {
  type ClaimedBatch,
  type JobStore,
  type NewJob,
  postgresJobStore,
  type TierState,
} from '../store/index.ts'
import { prepareAttendance } from './attendance-table.ts'
import { attendedStore } from './attended-store.ts'
import { Pressure, type PressureOptions } from './pressure.ts'
import type { WaitingTenant } from './tier-pressure.ts'

let database: TestDatabase
let pool: pg.Pool
let clock: ManualClock
let states: TierState[]

const tier = 'within-10s'

const someJob: Omit<NewJob, 'id' | 'tenant'> = {
  name: 'order.charge',
  tier,
  weight: 1,
  priority: 0,
  payload: '{}',
  attempts: 5,
  tracked: false,
  context: {} as NewJob['context'],
}

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
  await Promise.all([prepareAttendance(pool, undefined), prepareAttendance(pool, undefined)])
})
beforeEach(async () => {
  await pool.query('TRUNCATE plimsoll_job_worker')
  clock = manualClock()
  states = []
})
after(async () => {
  await pool?.end()
  await database?.close()
})

function state (depth: number, oldestMs: number): TierState {
  return { tier, depth, depthIsExact: true, oldestMs, running: 1, later: 0, held: 0, dead: 0 }
}

function openPressure (some: Partial<PressureOptions> = {}) {
  const registry = new MetricsRegistry()
  const pressure = new Pressure({
    pool,
    store: { name: 'pg-boss', tiers: async () => states },
    tiers: [tier],
    registry,
    clock,
    random: () => 0,
    ...some,
  })
  async function shown (): Promise<string> {
    let text = ''
    for await (const part of renderMetrics(registry.snapshot(), 'prometheus')) text += part
    return text
  }
  return { pressure, shown }
}

/** A store whose claims bring as many jobs as a test says. */
function workerUnderTest (jobsPerClaim: () => number): JobStore {
  const claim = async (): Promise<ClaimedBatch | undefined> => {
    const count = jobsPerClaim()
    return count === 0 ? undefined : { token: 1n, jobs: Array.from({ length: count }) as never }
  }
  const store = { name: 'postgres', claim, close: async () => {} } as unknown as JobStore
  return attendedStore({ store, pool, clock })
}

/** Two seconds, in which so many workers write what they have taken. */
async function next (pressure: Pressure, workers: number): Promise<void> {
  const seen = async (): Promise<string[]> =>
    (await pool.query<object>('SELECT worker, taken, seen_at FROM plimsoll_job_worker')).rows
      .map((row) => JSON.stringify(row))
  const before = new Set(await seen())
  clock.advance(2_000)
  await waitUntil(
    'the workers have written',
    async () => (await seen()).filter((row) => !before.has(row)).length === workers
  )
  await pressure.look()
}

const claim = { tier, limit: 100, leaseMs: 30_000 }

test('what workers take together is the drain, and Retry-After follows from it', async () => {
  const { pressure } = openPressure()
  const one = workerUnderTest(() => 60)
  const other = workerUnderTest(() => 40)
  states = [state(3_000, 30_000)]
  for (let step = 0; step < 6; step++) {
    await Promise.all([one.claim(claim), other.claim(claim)])
    await next(pressure, 2)
  }
  // 100 jobs each 2 seconds: 3,000 are 60 s.
  const now = pressure.of(tier)
  assert.equal(now?.workers, 2)
  assert.ok(Math.abs(now.drainPerSecond! - 50) < 8, String(now.drainPerSecond))
  assert.throws(() => pressure.check(tier, 'acme'), (error: Error & { retryAfterMs: number }) => {
    assert.deepEqual({ ...error, retryAfterMs: 0, problemKind: undefined }, {
      name: 'TierOverloadedError',
      code: 'TIER_OVERLOADED',
      statusCode: 503,
      problemKind: undefined,
      tier,
      reason: 'tier',
      retryAfterMs: 0,
    })
    assert.ok(Math.abs(error.retryAfterMs - 50_000) < 12_000, String(error.retryAfterMs))
    return true
  })
  await one.close()
  await other.close()
  await pressure.look()
  await pressure.look()
  assert.equal(pressure.of(tier)?.workers, 0)
  assert.equal(pressure.of(tier)?.condition, 'unattended')
})

test('the tenant whose own backlog it is gets 429, another one is let in', async () => {
  const waiting: WaitingTenant[] = [{ tenant: 'acme', waiting: 2_990 }, { tenant: 'other', waiting: 10 }]
  let asked = 0
  const { pressure, shown } = openPressure({
    async backlogs () {
      asked++
      return waiting
    },
  })
  await using worker = workerUnderTest(() => 100)
  states = [state(100, 10)]
  for (let step = 0; step < 3; step++) {
    await worker.claim(claim)
    await next(pressure, 1)
  }
  assert.equal(asked, 0, 'nobody asks while the tier is well')
  states = [state(3_000, 30_000)]
  await pressure.look()
  assert.throws(() => pressure.check(tier, 'acme'), { code: 'TENANT_BACKLOG', statusCode: 429 })
  pressure.check(tier, 'other')
  pressure.check(tier, 'new')
  assert.match(await shown(), /plimsoll_jobs_refused_total\{tier="within-10s",reason="tenant"\} 1/)
})

test('a tier that is well or at risk refuses nobody; that it is at risk is said once, and that it is over', async () => {
  const lines: string[] = []
  const logger = createLogger({
    level: 'info',
    destination: { write: (line: string) => void lines.push(line) },
  })
  const { pressure, shown } = openPressure({ logger })
  await using worker = workerUnderTest(() => 100)
  for (let step = 0; step < 4; step++) {
    await worker.claim(claim)
    await next(pressure, 1)
  }
  for (const depth of [450, 450]) {
    states = [state(depth, 8_500)]
    await pressure.look()
    pressure.check(tier)
  }
  assert.match(await shown(), /plimsoll_jobs_tier_condition\{tier="within-10s",condition="at_risk"\} 1/)
  states = []
  await pressure.look()
  assert.match(await shown(), /plimsoll_jobs_tier_condition\{tier="within-10s",condition="at_risk"\} 0/)
  assert.deepEqual(lines.map((line) => JSON.parse(line).msg), [
    'jobs of within-10s will be late: add workers, or send fewer',
    'jobs of within-10s are started in time again',
  ])
})

test('a tier without workers at two looks is said, again each minute, shown, and refuses', async () => {
  const lines: string[] = []
  const logger = createLogger({
    level: 'info',
    destination: { write: (line: string) => void lines.push(line) },
  })
  const { pressure, shown } = openPressure({ logger })
  states = [state(5, 20_000)]
  for (let step = 0; step < 62; step++) {
    await pressure.look()
    clock.advance(2_000)
  }
  assert.equal(lines.length, 4)
  assert.match(lines[0]!, /are started later/)
  for (const line of lines.slice(1)) assert.match(line, /no worker is up/)
  assert.match(await shown(), /plimsoll_jobs_tier_workers\{tier="within-10s"\} 0/)
  assert.match(await shown(), /condition="unattended"\} 1/)
  assert.throws(() => pressure.check(tier), { code: 'TIER_OVERLOADED', reason: 'unattended' })
})

test('workers that have just come, or come back, are not told to be missing', async () => {
  const lines: string[] = []
  const logger = createLogger({ destination: { write: (line: string) => void lines.push(line) } })
  const { pressure } = openPressure({ logger })
  // Younger than the promise: nobody has had the time to take it.
  states = [state(5, 2_000)]
  await pressure.look()
  assert.equal(pressure.of(tier)?.workers, 0)
  assert.equal(pressure.of(tier)?.condition, 'ok')
  pressure.check(tier)
  assert.deepEqual(lines, [])
})

test('what was seen too long ago refuses nobody, and a database that is away is no news', async () => {
  const { pressure } = openPressure()
  states = [state(5, 20_000)]
  await pressure.look()
  assert.throws(() => pressure.check(tier))
  clock.advance(20_000)
  pressure.check(tier)
  assert.equal(pressure.of(tier), undefined)
  const broken = openPressure({ store: { name: 'pg-boss', tiers: () => Promise.reject(new Error('away')) } })
  broken.pressure.start()
  clock.advance(4_000)
  await broken.pressure.close()
  broken.pressure.check(tier)
})

test('it looks by itself, one look at a time', async () => {
  let looks = 0
  const gate = Promise.withResolvers<void>()
  const { pressure } = openPressure({
    store: {
      name: 'pg-boss',
      async tiers () {
        looks++
        await gate.promise
        return []
      },
    },
  })
  pressure.start()
  clock.advance(10_000)
  assert.equal(looks, 1)
  gate.resolve()
  await waitUntil('the first is over', () => pressure.of(tier) !== undefined)
  clock.advance(2_000)
  await waitUntil('it looks again', () => looks === 2)
  await pressure.close()
  clock.advance(10_000)
  assert.equal(looks, 2)
})

test('an interval out of range is refused', () => {
  for (const everyMs of [100, 100_000, NaN])
    assert.throws(() => openPressure({ everyMs }), { code: 'SETTING_INVALID' })
})

test('who stops asking is not there any more; a process that only enqueues writes nothing', async () => {
  let writes = 0
  const counting = {
    query (text: string, values: unknown[]) {
      writes++
      return pool.query(text, values)
    },
  } as unknown as pg.Pool
  const store = {
    name: 'postgres',
    claim: async () => undefined,
    close: async () => {},
  } as unknown as JobStore
  const worker = attendedStore({ store, pool: counting, clock })
  clock.advance(20_000)
  assert.equal(writes, 0)
  await worker.claim(claim)
  clock.advance(60_000)
  assert.equal(writes, 4)
  await worker.claim(claim)
  clock.advance(2_000)
  assert.equal(writes, 5)
  await worker.close()
  assert.equal(writes, 6)
  await attendedStore({ store, pool: counting, clock }).close()
  assert.equal(writes, 6)
  const { rows } = await pool.query('SELECT present FROM plimsoll_job_worker')
  assert.deepEqual(rows, [{ present: false }])
})

test('on the real store: behind the backlog of one tenant another one is let in, and workers drain it', async () => {
  const plain = postgresJobStore({ pool })
  await using store = attendedStore({ store: plain, pool, clock })
  await store.prepare()
  const { pressure } = openPressure({ store })
  const enqueue = async (tenant: string, count: number): Promise<void> => {
    await store.enqueue(pool, Array.from({ length: count }, () => ({ ...someJob, id: uuidv7(), tenant })))
  }
  await enqueue('acme', 25_000)
  await enqueue('other', 5)
  await pool.query(`UPDATE plimsoll_job SET due_at = now() - interval '1 minute'; ANALYZE plimsoll_job`)
  for (let step = 0; step < 4; step++) {
    const batch = await store.claim({ tier, limit: 100, leaseMs: 30_000 })
    await store.settle(batch!.token, batch!.jobs.map(({ id }) => ({ id, kind: 'done' })))
    await next(pressure, 1)
  }
  assert.equal(pressure.of(tier)?.condition, 'late')
  assert.throws(() => pressure.check(tier, 'acme'), { code: 'TENANT_BACKLOG' })
  pressure.check(tier, 'other')
  pressure.check(tier, 'new')
})
