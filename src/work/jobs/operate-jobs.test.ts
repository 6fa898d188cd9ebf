import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Type } from 'typebox'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { createLogger } from '../../telemetry/index.ts'
import { defineJob } from './define-job.ts'
import { counted, openYard, type Yard } from './jobs.fixture.ts'
import { schedule } from './schedule.ts'

let yard: Yard

before(async () => {
  yard = await openYard()
})

after(() => yard[Symbol.asyncDispose]())

const input = Type.Object({ n: Type.Number() })

/** Waits until its signal aborts, and throws its reason. */
function untilAborted (signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    if (signal.aborted) reject(signal.reason)
  })
}

test('a job that waits is cancelled, and never begins', async () => {
  let runs = 0
  const job = defineJob('cancel-waiting', {
    input,
    tracked: true,
    async run () {
      runs++
    },
  })
  const { pool, worker, jobs } = await yard.launch([job])
  const { id } = await job.enqueue(pool, { n: 1 })
  assert.equal(await jobs.cancel(id), 'cancelled')
  await worker.start()
  assert.equal((await jobs.waitFor(id))?.state, 'cancelled')
  await worker.close()
  assert.equal(runs, 0)
  assert.equal(await jobs.cancel(id), 'done')
  assert.equal(await jobs.cancel('00000000-0000-7000-8000-000000000000'), 'unknown')
})

test('a job that runs is asked to stop from another process, and is told why', async () => {
  let reason: unknown
  const job = defineJob('cancel-running', {
    input,
    tracked: true,
    async run (_, { signal }) {
      try {
        await untilAborted(signal)
      } catch (error) {
        reason = error
        throw error
      }
    },
  })
  const [runner, other] = [await yard.launch([job]), await yard.launch([job])]
  await runner.worker.start()
  const { id } = await other.jobs.enqueue(other.pool, job, { n: 1 })
  await waitUntil('it runs', async () => (await other.jobs.status(id))?.state === 'running')
  assert.equal(await other.jobs.cancel(id), 'cancelling')
  // Long before the heartbeat that would tell it, too.
  assert.equal((await other.jobs.waitFor(id, { timeout: '5s' }))?.state, 'cancelled')
  assert.equal((reason as { code: string }).code, 'JOB_CANCELLED')
  await runner.worker.close()
})

test('state, progress and result of a tracked job can be asked for and waited for, in any process', async () => {
  const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const job = defineJob('tracked', {
    input,
    output: Type.Object({ sum: Type.Number() }),
    tracked: true,
    async run ({ n }, { progress }) {
      await steps[0]!.promise
      progress({ done: 20, of: 100 })
      await steps[1]!.promise
      return { sum: n + 1 }
    },
  })
  const [runner, web] = [await yard.launch([job]), await yard.launch([job])]
  const { id } = await web.jobs.enqueue(web.pool, job, { n: 41 })
  const first = await web.jobs.status(id)
  assert.deepEqual([first?.state, first?.attempt, first?.job, first?.tier], [
    'waiting',
    0,
    'tracked',
    'within-1m',
  ])
  assert.deepEqual(await web.jobs.waitFor(id, { timeout: 1 }), first)
  await runner.worker.start()
  const running = await web.jobs.waitFor(id, { since: first! })
  assert.equal(running?.state, 'running')
  steps[0]!.resolve()
  const advanced = await web.jobs.waitFor(id, { since: running })
  assert.deepEqual([advanced?.state, advanced?.progress], ['running', { done: 20, of: 100 }])
  steps[1]!.resolve()
  const done = await web.jobs.waitFor(id)
  assert.deepEqual([done?.state, done?.result], ['done', { sum: 42 }])
  assert.equal(
    done?.progress,
    undefined,
    'what it told last, less than a second ago, may not have been written'
  )
  assert.equal(await web.jobs.cancel(id), 'done')
  await runner.worker.close()
})

test('a wait ends with its signal, and what is not tracked, or no id at all, is not found', async () => {
  const job = defineJob('untracked', { input, async run () {} })
  const { pool, jobs } = await yard.launch([job])
  const { id } = await job.enqueue(pool, { n: 1 }, { tracked: true, delay: '1h' })
  const gone = new AbortController()
  const wait = jobs.waitFor(id, { signal: gone.signal })
  gone.abort()
  assert.equal((await wait)?.state, 'waiting')
  assert.equal(await jobs.status((await job.enqueue(pool, { n: 1 }, { delay: '1h' })).id), undefined)
  assert.equal(await jobs.status('not an id'), undefined)
  assert.equal(await jobs.waitFor('00000000-0000-7000-8000-000000000000'), undefined)
})

test('a drain gives back at once what has not begun, and waits for what has', async () => {
  const finish = Promise.withResolvers<void>()
  const begun: number[] = []
  const job = defineJob('drain', {
    input,
    async run ({ n }) {
      begun.push(n)
      await finish.promise
    },
  })
  const leaving = await yard.launch([job], { tiers: { 'within-1m': { concurrency: 2 } } })
  await leaving.worker.start()
  await job.enqueueMany(leaving.pool, Array.from({ length: 6 }, (_, n) => ({ n })))
  await waitUntil('two run', () => begun.length === 2)
  const drained = leaving.worker.drain(10_000)
  const staying = await yard.launch([job])
  await staying.worker.start()
  await waitUntil('the other four run elsewhere', () => begun.length === 6)
  assert.equal(leaving.worker.running, 2)
  finish.resolve()
  await drained
  await waitUntil('all has ended', () => staying.worker.running === 0)
  await staying.worker.close()
  assert.deepEqual(begun.toSorted(), [0, 1, 2, 3, 4, 5])
  const [first, second] = [leaving, staying].map(({ registry }) =>
    counted(registry, 'plimsoll_jobs_runs_total', { job: 'drain', outcome: 'done' })
  )
  assert.deepEqual([first, second], [2, 4])
})

test('after its grace a drain stops what still runs; it begins anew elsewhere, with no attempt counted', async () => {
  const attempts: [number, string | undefined][] = []
  const job = defineJob('drain-late', {
    input,
    async run (_, { signal, attempt }) {
      if (attempts.length > 0) {
        attempts.push([attempt, undefined])
        return
      }
      try {
        await untilAborted(signal)
      } catch (error) {
        attempts.push([attempt, (error as { code?: string }).code])
        throw error
      }
    },
  })
  const leaving = await yard.launch([job])
  await leaving.worker.start()
  await job.enqueue(leaving.pool, { n: 1 })
  await waitUntil('it runs', () => leaving.worker.running === 1)
  await leaving.worker.drain(50)
  const staying = await yard.launch([job])
  await staying.worker.start()
  await waitUntil('it has run again', () => attempts.length === 2)
  assert.deepEqual(attempts, [[1, 'JOB_WORKER_DRAINED'], [1, undefined]])
  await staying.worker.close()
})

test('a job that a release does not know waits for one that does, and holds nobody up', async () => {
  const ran: string[] = []
  const run = (name: string) => async (): Promise<void> => void ran.push(name)
  const known = defineJob('known', { input, run: run('known') })
  const fresh = defineJob('fresh', { input, run: run('fresh') })
  const [older, newer] = [await yard.launch([known]), await yard.launch([known, fresh])]
  await fresh.enqueue(newer.pool, { n: 1 })
  await known.enqueue(newer.pool, { n: 2 })
  await older.worker.start()
  await waitUntil('the known one has run', () => ran.includes('known'))
  assert.deepEqual(ran, ['known'])
  await newer.worker.start()
  await waitUntil('the other has run', () => ran.includes('fresh'))
  await Promise.all([older.worker.close(), newer.worker.close()])
})

test('a worker works on the tiers that it is told, and on all when it is told none', async () => {
  const ran: string[] = []
  const urgent = defineJob('urgent', { input, tier: 'within-5s', run: async () => void ran.push('urgent') })
  const calm = defineJob('calm', { input, tier: 'within-1h', run: async () => void ran.push('calm') })
  const { pool, worker, jobs } = await yard.launch([urgent, calm], { worker: { tiers: ['within-5s'] } })
  assert.deepEqual(jobs.tiers, ['within-5s', 'within-1h'])
  await worker.start()
  await calm.enqueue(pool, { n: 1 })
  await urgent.enqueue(pool, { n: 1 })
  await waitUntil('the urgent one has run', () => ran.length > 0)
  const all = jobs.worker()
  await all.start()
  await waitUntil('the calm one has run', () => ran.length > 1)
  assert.deepEqual(ran, ['urgent', 'calm'])
  await Promise.all([worker.close(), all.close()])
})

test('jobs in a tier that no job has any more are run, and a tier on which nobody works is told of', async () => {
  const lines: string[] = []
  const logger = createLogger({ level: 'error', destination: { write: (line) => lines.push(line) } })
  let runs = 0
  const run = async (): Promise<void> => void runs++
  const before = defineJob('moved', { input, tier: 'within-1ms', run })
  const now = defineJob('moved', { input, tier: 'within-5s', run })
  const older = await yard.launch([before])
  await before.enqueue(older.pool, { n: 1 })
  const newer = await yard.launch([now], { logger, look: '250ms' })
  await waitUntil(
    'it is told',
    () => lines.some((line) => /jobs wait in within-1ms, and no worker is up/.test(line))
  )
  await newer.worker.start()
  await waitUntil('it has run', () => runs === 1)
  await newer.worker.close()
})

test('a job begins within milliseconds of its commit, whoever enqueues it, though idle workers hardly ask', async () => {
  const waits: number[] = []
  const job = defineJob('prompt', {
    input,
    async run ({ n }) {
      waits.push(performance.now() - n)
    },
  })
  const [runner, web] = [await yard.launch([job]), await yard.launch([job])]
  await runner.worker.start()
  const claims = (): number => counted(runner.registry, 'plimsoll_jobs_claims_total', { outcome: 'empty' })
  await runner.pool.query('select pg_sleep(1.5)')
  // By asking alone it would be half a second on average. A busy machine may be slow once, or stand still for a while.
  const isPrompt = (): boolean => waits.slice(-4).filter((ms) => ms < 200).length >= 3
  const four = [runner, web, runner, web]
  for (const ship of [...four, ...four]) {
    if (waits.length === four.length && isPrompt()) break
    const [had, asked, sinceMs] = [waits.length, claims(), performance.now()]
    await ship.pool.query('select pg_sleep(1.5)')
    const [questions, seconds] = [claims() - asked, (performance.now() - sinceMs) / 1_000]
    assert.ok(questions <= 8 + seconds, `${questions} questions in ${seconds} s`)
    await ship.jobs.enqueue(ship.pool, job, { n: performance.now() })
    await waitUntil('it has run', () => waits.length > had)
  }
  await runner.worker.close()
  assert.ok(isPrompt(), waits.join(' '))
})

test('each run of a schedule is enqueued once, however many workers there are, and in its own transaction', async () => {
  const days: string[] = []
  const job = defineJob('report', {
    input: Type.Object({ at: Type.String() }),
    async run ({ at }) {
      days.push(at)
    },
  })
  const schedules = [schedule('* * * * * *', job, (at) => ({ at: at.toISOString() }))]
  const ships = await Promise.all([1, 2, 3].map(() => yard.launch([job], { schedules })))
  await Promise.all(ships.map(({ worker }) => worker.start()))
  await waitUntil('three runs', () => days.length >= 3)
  await Promise.all(ships.map(({ worker }) => worker.close()))
  assert.equal(new Set(days).size, days.length)
  const seconds = days.map((at) => Date.parse(at) / 1_000).toSorted((one, other) => one - other)
  assert.deepEqual(seconds, Array.from(seconds, (_, index) => seconds[0]! + index))
})

test('a schedule that nobody was up for makes up for its latest run; one whose times change begins anew', async () => {
  const days: string[] = []
  const job = defineJob('hourly', {
    input: Type.Object({ at: Type.String() }),
    async run ({ at }) {
      days.push(at)
    },
  })
  // At minutes that are far from this one: none of its times comes while the test runs.
  const minute = new Date().getUTCMinutes()
  const hourly = schedule(`${(minute + 30) % 60} * * * *`, job, (at) => ({ at: at.toISOString() }), {
    name: 'hourly',
  })
  const first = await yard.launch([job], { schedules: [hourly] })
  await first.worker.start()
  await first.worker.close()
  await first.pool.query(
    `update plimsoll_job_schedule set enqueued_until = now() - interval '5 hours' where name = 'hourly'`
  )
  const second = await yard.launch([job], { schedules: [hourly] })
  await second.worker.start()
  await waitUntil('the latest has run', () => days.length > 0)
  await second.worker.close()
  assert.equal(days.length, 1)
  assert.ok(Date.now() - Date.parse(days[0]!) <= 3_600_000 + 60_000)
  await first.pool.query(
    `update plimsoll_job_schedule set enqueued_until = now() - interval '5 hours' where name = 'hourly'`
  )
  const third = await yard.launch([job], {
    schedules: [schedule(`${(minute + 20) % 60} * * * *`, job, { at: 'changed' }, { name: 'hourly' })],
  })
  await third.worker.start()
  await third.worker.close()
  const { rows } = await third.pool.query(`select enqueued_until > now() - interval '1 minute' as new
    from plimsoll_job_schedule where name = 'hourly'`)
  assert.deepEqual(rows, [{ new: true }])
})
