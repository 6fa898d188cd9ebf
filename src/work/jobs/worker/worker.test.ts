import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Type } from 'typebox'
import { type ManualClock, manualClock } from '../../../kernel/index.ts'
import { createLogger, MetricsRegistry } from '../../../telemetry/index.ts'
import { defineJob, type Job } from '../define-job.ts'
import { jobMetrics } from '../job-metrics.ts'
import type { JobRun } from '../job-run.ts'
import { Switchboard } from '../wake/index.ts'
import { ScriptedStore } from './scripted-store.fixture.ts'
import { Worker } from './worker.ts'

interface Bench {
  readonly worker: Worker
  readonly store: ScriptedStore
  readonly board: Switchboard
  readonly clock: ManualClock
  readonly lines: string[]
  /** Lets time pass, and all that follows from it happen. */
  readonly pass: (ms: number, stepMs?: number) => Promise<void>
}

type Handler = (run: JobRun) => Promise<unknown>

async function bench (
  handler: Handler,
  { concurrency = 2, prefetch = 10, deadline = '10s' as const, begin = (_: ScriptedStore): void => {} } = {}
): Promise<Bench> {
  const clock = manualClock(1_000_000)
  const store = new ScriptedStore()
  const lines: string[] = []
  const line = { call () {}, async listen () {}, async close () {}, async [Symbol.asyncDispose] () {} }
  const board = new Switchboard(line)
  const job = defineJob('job', { input: Type.Object({}), deadline, run: async (_, run) => handler(run) })
  begin(store)
  const worker = new Worker({
    jobs: new Map<string, Job>([['job', job]]),
    tiers: ['within-1m'],
    limitsOf: () => ({ concurrency, prefetch }),
    store: store.port,
    leaseMs: 30_000,
    board,
    pool: {} as never,
    app: {} as never,
    metrics: jobMetrics(new MetricsRegistry()),
    tenantClass: () => 'all',
    companion: undefined,
    version: undefined,
    tracer: undefined,
    logger: createLogger({ destination: { write: (text) => lines.push(text) } }),
    clock,
    random: () => 0.5,
  })
  await worker.start()
  async function pass (ms: number, stepMs = 10): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
      clock.advance(Math.min(stepMs, leftMs))
      for (let turns = 0; turns < 3; turns++) await turn()
    }
  }
  await turn()
  return { worker, store, board, clock, lines, pass }
}

const forever: Handler = () => new Promise(() => {})

test('an idle worker asks less and less, down to once a second, and at once when it is called', async () => {
  const { store, board, pass } = await bench(async () => {})
  await pass(4_000)
  const asked = store.claims.length
  assert.ok(asked >= 8 && asked <= 12, `${asked} questions in 4 s`)
  board.call({ tiers: ['within-1m'] })
  await turn()
  assert.equal(store.claims.length, asked + 1)
  board.call({ tiers: ['within-1h'] })
  await turn()
  assert.equal(store.claims.length, asked + 1)
})

test('a call that comes while a claim is under way is not lost', async () => {
  const { store, board } = await bench(async () => {})
  const asked = store.claims.length
  board.call({ tiers: ['within-1m'] })
  board.call({ tiers: ['within-1m'] })
  for (let turns = 0; turns < 5; turns++) await turn()
  assert.equal(store.claims.length, asked + 2)
})

test('a worker takes no more than it can start until it knows how long jobs take', async () => {
  const { store, worker, board } = await bench(forever, {
    begin: (script) => script.answers.push(script.batch(2)),
  })
  await turn()
  assert.equal(worker.running, 2)
  assert.deepEqual(store.claims.map(({ limit, starting }) => [limit, starting]), [[2, 2]])
  board.call({ tiers: ['within-1m'] })
  await turn()
  assert.equal(store.claims.length, 1)
})

test('claims that fail are repeated after a growing pause, even when it is called, and told of once', async () => {
  const { store, board, pass, lines } = await bench(async () => {}, {
    begin: (script) =>
      script.answers.push(...Array.from({ length: 4 }, () => new Error('the database is away'))),
  })
  for (let call = 0; call < 20; call++) board.call({ tiers: ['within-1m'] })
  await turn()
  assert.equal(store.claims.length, 1)
  await pass(60)
  assert.equal(store.claims.length, 2)
  await pass(60)
  assert.equal(store.claims.length, 2)
  await pass(2_000)
  assert.ok(store.claims.length > 4)
  assert.equal(lines.filter((line) => line.includes('cannot be taken')).length, 1)
})

test('jobs that were taken ahead and do not get their turn go back after a second', async () => {
  let runs = 0
  const { store, pass } = await bench(async () => {
    if (++runs > 2) await forever({} as JobRun)
  }, {
    begin: (script) => script.answers.push(script.batch(2), script.batch(12)),
  })
  await turn()
  await pass(900)
  assert.deepEqual(store.givenBack, [])
  await pass(1_200)
  assert.deepEqual(store.givenBack, Array.from({ length: 10 }, (_, index) => `2-${index + 2}`))
})

test('a run that does not end after its deadline is told to, and given up five seconds later', async () => {
  let signal: AbortSignal | undefined
  const { store, worker, pass, lines } = await bench((run) => {
    signal = run.signal
    return forever(run)
  }, { begin: (script) => script.answers.push(script.batch(1)) })
  await pass(9_990)
  assert.equal(signal?.aborted, false)
  await pass(20)
  assert.equal((signal?.reason as { code?: string }).code, 'DEADLINE_EXCEEDED')
  await pass(4_000)
  assert.equal(worker.running, 1)
  await pass(2_000)
  assert.equal(worker.running, 0)
  assert.deepEqual(store.settled.map(({ id, kind }) => [id, kind]), [['1-0', 'retry']])
  assert.match(lines.join(), /JOB_OVERRUN/)
})

test('what a run that was given up still comes to changes nothing', async () => {
  const late = Promise.withResolvers<void>()
  const { store, worker, pass } = await bench(() => late.promise, {
    begin: (script) => script.answers.push(script.batch(1)),
  })
  await pass(17_000, 500)
  late.resolve()
  await pass(100)
  assert.equal(worker.running, 0)
  assert.deepEqual(store.settled.map(({ kind }) => kind), ['retry'])
})

test('jobs whose lease is lost are told to stop, those that wait are left alone, and nothing is written for either', async () => {
  const reasons: unknown[] = []
  const { store, worker, pass } = await bench(({ signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reasons.push((signal.reason as { code?: string }).code)
        reject(signal.reason)
      })
    }), {
    deadline: '1h' as never,
    begin: (script) => {
      script.answers.push(script.batch(5))
      script.losesLeases = true
    },
  })
  await turn()
  assert.equal(worker.running, 2)
  await pass(10_100, 100)
  assert.deepEqual(reasons, ['JOB_LEASE_LOST', 'JOB_LEASE_LOST'])
  assert.equal(worker.running, 0)
  assert.deepEqual([store.settled, store.givenBack.filter((id) => !id.startsWith('1-'))], [[], []])
})

test('a store that hands out an unknown job gets it back for later, with no attempt counted', async () => {
  const { store, pass, lines } = await bench(async () => {}, {
    begin: (script) => script.answers.push(script.batch(1, { name: 'of another release' })),
  })
  await pass(100)
  assert.deepEqual(store.settled, [{ id: '1-0', kind: 'snooze', atMs: 1_030_000 }])
  assert.match(lines.join(), /this release has no such job/)
})

test('while tiny jobs follow each other, the event loop gets its turn', async () => {
  const clockMs = { now: 0 }
  const { clock, store, board } = await bench(async () => {
    clock.advance(1)
    clockMs.now++
  }, { begin: () => {} })
  store.answers.push(store.batch(100))
  board.call({ tiers: ['within-1m'] })
  let turns = 0
  for (; store.settled.length < 100 && turns < 100; turns++) await turn()
  assert.equal(store.settled.length, 100)
  assert.ok(turns >= 10, `${turns} turns for 100 ms of jobs`)
})
