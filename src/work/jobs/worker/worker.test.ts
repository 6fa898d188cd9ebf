import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Type } from 'typebox'
import { DeadlineExceededError, type ManualClock, manualClock } from '../../../kernel/index.ts'
import { createLogger, MetricsRegistry } from '../../../telemetry/index.ts'
import { defineJob } from '../define-job.ts'
import { jobMetrics } from '../job-metrics.ts'
import type { JobRun } from '../job-run.ts'
import type { Job } from '../job.ts'
import { counted } from '../jobs.fixture.ts'
import { Switchboard } from '../wake/index.ts'
import { ScriptedStore } from './scripted-store.fixture.ts'
import { Worker } from './worker.ts'

interface Bench {
  readonly worker: Worker
  readonly store: ScriptedStore
  readonly board: Switchboard
  readonly clock: ManualClock
  readonly lines: string[]
  readonly registry: MetricsRegistry
  /** Lets time pass, and all that follows from it happen. */
  readonly pass: (ms: number, stepMs?: number) => Promise<void>
}

type Handler = (run: JobRun) => Promise<unknown>

async function bench (
  handler: Handler,
  { begin, prefetch = 10 }: {
    readonly begin?: (store: ScriptedStore) => void
    readonly prefetch?: number
  } = {}
): Promise<Bench> {
  const clock = manualClock(1_000_000)
  const store = new ScriptedStore()
  const lines: string[] = []
  const registry = new MetricsRegistry()
  const line = { call () {}, async listen () {}, async close () {}, async [Symbol.asyncDispose] () {} }
  const board = new Switchboard(line)
  const job = defineJob('job', {
    input: Type.Object({}),
    deadline: '11s',
    run: async (_, run) => handler(run),
  })
  begin?.(store)
  const worker = new Worker({
    jobs: new Map<string, Job>([['job', job]]),
    tiers: ['within-1m'],
    limitsOf: () => ({ concurrency: 2, prefetch }),
    store: store.port,
    leaseMs: 30_000,
    board,
    pool: {} as never,
    app: {} as never,
    metrics: jobMetrics(registry),
    tenantClass: () => 'all',
    companion: undefined,
    version: undefined,
    tracer: undefined,
    logger: createLogger({ destination: { write: (text) => lines.push(text) } }),
    // A process that was paused reads its clock before any timer has run.
    clock: { ...clock, now: () => clock.now() + store.pausedMs },
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
  return { worker, store, board, clock, lines, registry, pass }
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
  const { store, board, pass } = await bench(async () => {
    if (++runs > 2) await forever({} as JobRun)
  }, {
    begin: (script) => script.answers.push(script.batch(2), script.batch(12)),
  })
  await turn()
  await pass(900)
  assert.deepEqual(store.givenBack, [])
  await pass(1_200)
  board.call({ tiers: ['within-1m'] })
  await pass(1_200)
  assert.equal(store.claims.length, 2)
  assert.deepEqual(store.givenBack, Array.from({ length: 10 }, (_, index) => `2-${index + 2}`))
})

test('a run that does not end after its deadline is told to, and given up five seconds later', async () => {
  let signal: AbortSignal | undefined
  const { store, worker, pass, lines } = await bench((run) => {
    signal = run.signal
    return forever(run)
  }, { begin: (script) => script.answers.push(script.batch(1)) })
  await pass(10_990)
  assert.equal(signal?.aborted, false)
  await pass(20)
  assert.equal(signal?.reason instanceof DeadlineExceededError, true)
  await pass(4_000)
  assert.equal(worker.running, 1)
  await pass(2_000)
  assert.equal(worker.running, 0)
  assert.deepEqual(store.settled.map(({ id, kind }) => [id, kind]), [['1-0', 'retry']])
  assert.match(lines.join(), /JOB_OVERRUN/)
})

test('what a run that was given up still comes to changes nothing', async () => {
  const late = Promise.withResolvers<void>()
  const { store, worker, registry, pass } = await bench(() => late.promise, {
    begin: (script) => script.answers.push(script.batch(1)),
  })
  await pass(18_000, 500)
  late.resolve()
  await pass(100)
  assert.equal(worker.running, 0)
  assert.deepEqual(store.settled.map(({ kind }) => kind), ['retry'])
  assert.equal(counted(registry, 'plimsoll_jobs_runs_total', {}), 1)
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
  })
  store.answers.push(store.batch(100))
  board.call({ tiers: ['within-1m'] })
  let turns = 0
  for (; store.settled.length < 100 && turns < 100; turns++) await turn()
  assert.equal(store.settled.length, 100)
  assert.ok(turns >= 10, `${turns} turns for 100 ms of jobs`)
})

test('a claim that found all it asked for is followed by another at once', async () => {
  const { store } = await bench(async () => {}, {
    begin: (script) => script.answers.push(script.batch(2), script.batch(12), script.batch(12)),
  })
  for (let turns = 0; turns < 10; turns++) await turn()
  assert.equal(store.settled.length, 26)
  assert.equal(store.claims.length, 4)
})

test('while tiny jobs flow, two claims of the largest size are under way at once, and no third', async () => {
  const answer = Promise.withResolvers<ReturnType<ScriptedStore['batch']>>()
  const { store } = await bench(async () => {}, {
    prefetch: 3_000,
    begin: (script) => script.answers.push(script.batch(2), answer.promise, answer.promise),
  })
  for (let turns = 0; turns < 5; turns++) await turn()
  assert.deepEqual(store.claims.map(({ limit, starting }) => [limit, starting]), [[2, 2], [1_000, 1], [
    1_000,
    1,
  ]])
})

test('after a claim that found less than it asked for, the next waits for its answer', async () => {
  const answer = Promise.withResolvers<ReturnType<ScriptedStore['batch']>>()
  const { store, board } = await bench(async () => {}, {
    prefetch: 3_000,
    begin: (script) => script.answers.push(script.batch(1), answer.promise, answer.promise),
  })
  for (let turns = 0; turns < 5; turns++) await turn()
  board.call({ tiers: ['within-1m'] })
  for (let turns = 0; turns < 5; turns++) await turn()
  assert.deepEqual(store.claims.map(({ limit }) => limit), [2, 1_000])
})

test('while more than half of what may be taken ahead is there, no more is taken', async () => {
  const first = Promise.withResolvers<void>()
  let runs = 0
  const { store } = await bench(async () => {
    if (++runs > 2) await (runs < 6 ? first.promise : forever({} as JobRun))
  }, { begin: (script) => script.answers.push(script.batch(2), script.batch(12)) })
  for (let turns = 0; turns < 5; turns++) await turn()
  assert.equal(store.claims.length, 2)
  first.resolve()
  for (let turns = 0; turns < 5; turns++) await turn()
  // Two of twelve run for ever, and seven still wait.
  assert.equal(store.claims.length, 2)
})

test('a drain gives back what was taken ahead, and what a claim under way still brings', async () => {
  const answer = Promise.withResolvers<ReturnType<ScriptedStore['batch']>>()
  const { store, worker, board } = await bench(async () => {}, {
    begin: (script) => script.answers.push(answer.promise),
  })
  board.call({ tiers: ['within-1m'] })
  const drained = worker.drain(0)
  answer.resolve(store.batch(3))
  await drained
  assert.deepEqual(store.givenBack, ['1-0', '1-1', '1-2'])
  assert.deepEqual(store.settled, [])
})

test('a job whose time is over by the time of its turn is not begun', async () => {
  let runs = 0
  const { store, pass } = await bench(async () => void runs++, {
    begin: (script) => script.answers.push(script.batch(1, { expiresAtMs: 1_000_000 })),
  })
  await pass(100)
  assert.equal(runs, 0)
  assert.deepEqual(store.settled, [{ id: '1-0', kind: 'expired' }])
})

test('after a pause longer than the lease nothing that waited is begun, before any timer says so', async () => {
  const late = Promise.withResolvers<void>()
  let runs = 0
  const { store, worker } = await bench(async () => {
    if (++runs > 2) await late.promise
  }, { begin: (script) => script.answers.push(script.batch(2), script.batch(12)) })
  for (let turns = 0; turns < 5; turns++) await turn()
  assert.equal(worker.running, 2)
  store.pausedMs = 60_000
  late.resolve()
  for (let turns = 0; turns < 5; turns++) await turn()
  assert.equal(runs, 4)
  assert.equal(worker.running, 0)
})

test('jobs that begin later than their tier promises are counted', async () => {
  const { registry, pass } = await bench(async () => {}, {
    begin: (script) =>
      script.answers.push(script.batch(1, { waitedMs: 60_001 }), script.batch(1, { waitedMs: 59_000 })),
  })
  await pass(100)
  assert.equal(counted(registry, 'plimsoll_jobs_late_total', { tier: 'within-1m' }), 1)
  assert.equal(counted(registry, 'plimsoll_jobs_runs_total', { outcome: 'done' }), 2)
})

test('a job that was cancelled is told to stop, by a call or a heartbeat; one that waits here never begins', async () => {
  const reasons: unknown[] = []
  let runs = 0
  const { store, board, pass } = await bench(({ signal }) => {
    if (++runs <= 2) return Promise.resolve()
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reasons.push((signal.reason as { code?: string }).code)
        reject(signal.reason)
      })
    })
  }, { begin: (script) => script.answers.push(script.batch(2), script.batch(4)) })
  for (let turns = 0; turns < 5; turns++) await turn()
  board.call({ tiers: [], cancelled: ['2-0', '2-2'] })
  await pass(100)
  assert.deepEqual(store.settled.slice(2).map(({ id, kind }) => [id, kind]), [['2-2', 'cancelled'], [
    '2-0',
    'cancelled',
  ]])
  assert.deepEqual(reasons, ['JOB_CANCELLED'])
  store.cancelling.push('2-1')
  await pass(10_000, 100)
  assert.ok(store.settled.some(({ id, kind }) => id === '2-1' && kind === 'cancelled'))
  assert.equal(runs, 5)
})

test('jobs that upkeep lets in are asked for at once', async () => {
  const { store, board, pass } = await bench(async () => {})
  // After this call the worker would not ask by itself for a second, and upkeep is due before.
  await pass(4_300)
  board.call({ tiers: ['within-1m'] })
  await pass(10)
  const [asked, upkeeps] = [store.claims.length, store.upkeeps]
  store.promoted = 1
  while (store.upkeeps === upkeeps) await pass(10)
  assert.equal(store.claims.length, asked + 1)
})

test('a failed run is looked for when it is due again, not only at the next upkeep', async () => {
  const { store, pass } = await bench(async () => {
    throw new Error('not yet')
  }, { begin: (script) => script.answers.push(script.batch(1, { attempt: 1 })) })
  await pass(560)
  assert.deepEqual(store.settled.map((outcome) => 'atMs' in outcome && outcome.atMs), [1_000_500])
  assert.equal(store.upkeeps, 1)
})

test('who waits for a tracked job hears of its end, and of untracked ones nobody does', async () => {
  const changed: string[] = []
  const { store, board } = await bench(async () => {})
  board.hear((call) => void changed.push(...call.changed ?? []))
  store.answers.push(store.batch(1, { tracked: true }), store.batch(1))
  board.call({ tiers: ['within-1m'] })
  for (let turns = 0; turns < 5; turns++) await turn()
  board.call({ tiers: ['within-1m'] })
  for (let turns = 0; turns < 5; turns++) await turn()
  assert.equal(store.settled.length, 2)
  assert.deepEqual(changed, ['1-0'])
})

test('a drain leaves running jobs alone for its grace, then tells them to stop, and leaves what ignores that', async () => {
  let signal: AbortSignal | undefined
  const { worker, store, clock, pass } = await bench((run) => {
    signal = run.signal
    return forever(run)
  }, { begin: (script) => script.answers.push(script.batch(1)) })
  let isDrained = false
  void worker.drain(3_000).then(() => isDrained = true)
  await pass(2_900)
  assert.equal(signal?.aborted, false)
  await pass(200)
  assert.equal((signal?.reason as { code?: string } | undefined)?.code, 'JOB_WORKER_DRAINED')
  await pass(1_200)
  assert.equal(isDrained, true)
  assert.deepEqual(store.settled, [])
  assert.equal(clock.pending(), 0)
})
