import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { manualClock, uuidv7 } from '../../../kernel/index.ts'
import { createLogger, MetricsRegistry, renderMetrics } from '../../../telemetry/index.ts'
import { keptLines } from '../../../telemetry/log/lines.fixture.ts'
import { type NewJob, postgresJobStore } from '../store/index.ts'
import { readAttendance } from './attendance-table.ts'
import { attendedStore } from './attended-store.ts'
import { Strangers, strangersOf } from './strangers.ts'

const tier = 'within-10s'
const promiseMs = 10_000

test('what waits is strange where those who work on its tier do not take it', () => {
  const front = [{ name: 'a', jobs: 1, oldestMs: 0 }, { name: 'b', jobs: 2, oldestMs: 0 }]
  const names = (attendance: Parameters<typeof strangersOf>[1]): string[] =>
    strangersOf({ front }, attendance).map(({ name }) => name)
  assert.deepEqual(names({ workers: 1, names: ['a', 'c'] }), ['b'])
  assert.deepEqual(names({ workers: 1, names: ['a', 'b'] }), [])
  // Who takes any job says no names, and a tier without workers has another fault.
  assert.deepEqual(names({ workers: 2, names: null }), [])
  assert.deepEqual(names({ workers: 0, names: [] }), [])
  assert.deepEqual(names(undefined), [])
  assert.deepEqual(strangersOf({}, { workers: 1, names: [] }), [])
})

test('a stranger is told once it is late, one time; and again when it comes back', async () => {
  const lines = keptLines()
  const registry = new MetricsRegistry()
  const strangers = new Strangers(registry, createLogger({ destination: lines }))
  const told = (): unknown[] => lines.objects().map(({ level, job, waiting }) => [level, job, waiting])
  const shown = async (): Promise<string | undefined> => {
    let text = ''
    for await (const part of renderMetrics(registry.snapshot(), 'prometheus')) text += part
    return /^plimsoll_jobs_unknown\{tier="within-10s",job="old"\} (\d+)$/m.exec(text)?.[1]
  }
  const see = (oldestMs?: number): void =>
    strangers.see(tier, promiseMs, oldestMs === undefined ? [] : [{ name: 'old', jobs: 3, oldestMs }])
  see(20_000)
  // A worker that has just started may have yet to say that it takes them.
  assert.deepEqual([told(), await shown()], [[], undefined])
  see(5_000)
  assert.deepEqual([told(), await shown()], [[], '3'])
  see(11_000)
  see(13_000)
  assert.deepEqual(told(), [['error', 'old', 3]])
  see()
  assert.equal(await shown(), '0')
  see(11_000)
  see(12_000)
  assert.equal(told().length, 2)
})

test('the fleet knows which jobs its workers take, and what is at the front of a tier', async () => {
  await using database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 3 })
  const clock = manualClock()
  const open = () => attendedStore({ store: postgresJobStore({ pool, clock }), pool, clock })
  const [one, other] = [open(), open()]
  await one.prepare()
  const job = (name: string): NewJob => ({
    id: uuidv7(),
    name,
    tier,
    tenant: '',
    weight: 1,
    priority: 0,
    payload: '{}',
    attempts: 5,
    tracked: false,
    context: {},
  })
  await one.enqueue(pool, [job('gone'), job('gone'), job('known'), job('next')])
  const claim = (store: typeof one, names?: string[]) =>
    store.claim({ tier, names, limit: 1, leaseMs: 60_000 })
  await claim(one, ['known'])
  await claim(other, ['next', 'known'])
  clock.advance(2_000)
  const attendance = async () => (await readAttendance(pool, undefined)).get(tier)
  await waitUntil('both have said that they are there', async () => (await attendance())?.workers === 2)
  assert.deepEqual((await attendance())?.names?.toSorted(), ['known', 'next'])
  const [state] = await one.tiers()
  assert.deepEqual(state?.front?.map(({ name, jobs }) => [name, jobs]), [['gone', 2]])
  assert.deepEqual(strangersOf(state!, await attendance()).map(({ name }) => name), ['gone'])
  await one.close()
  await other.close()
  await pool.end()
})
