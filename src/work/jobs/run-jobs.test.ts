import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Type } from 'typebox'
import { transaction } from '../../data/index.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { currentContext, newTrace, openContext, runWithContext, seededRandom } from '../../kernel/index.ts'
import { memoryExporter, Tracer } from '../../telemetry/index.ts'
import { defineJob } from './define-job.ts'
import { counted, openYard, type Yard } from './jobs.fixture.ts'
import { NeverRetry, RetryLater, Snooze } from './verdicts.ts'
import type { WakeLine } from './wake/index.ts'

let yard: Yard

before(async () => {
  yard = await openYard()
})

after(() => yard[Symbol.asyncDispose]())

const input = Type.Object({ n: Type.Number() })
const soon = { retry: { base: '1ms', cap: '1ms' } } as const

test('a job runs once its transaction has committed, and never when that was rolled back', async () => {
  const seen: number[] = []
  const job = defineJob('commit', {
    input,
    async run ({ n }) {
      seen.push(n)
    },
  })
  const { pool, worker } = await yard.launch([job])
  await worker.start()
  await transaction(pool, async (tx) => {
    await job.enqueue(tx, { n: 1 })
    throw new Error('second thoughts')
  }).catch(() => {})
  const ticket = await transaction(pool, async (tx) => {
    const made = await job.enqueue(tx, { n: 2 })
    await tx.query('select pg_sleep(0.1)')
    assert.deepEqual(seen, [])
    return made
  })
  assert.match(ticket.id, /^[\da-f-]{36}$/)
  assert.equal(ticket.duplicate, false)
  await waitUntil('the job has run', () => seen.length > 0)
  assert.deepEqual(seen, [2])
  await worker.close()
})

test('what a job runs in is that of who enqueued it: trace, tenant; background work with a span of its own', async () => {
  const exporter = memoryExporter()
  await using tracer = new Tracer({ exporter, sampleRatio: 0 })
  let seen: unknown[] = []
  const job = defineJob('context', {
    input,
    async run (_, run) {
      const context = currentContext()
      seen = [
        context?.trace.traceId,
        context?.tenant,
        context?.criticality,
        context?.id === run.id,
        run.tenant,
      ]
    },
  })
  const { pool, worker } = await yard.launch([job], { tracer })
  await worker.start()
  const trace = newTrace(true, seededRandom(4))
  const request = openContext({ id: 'request', trace, tenant: 'acme', criticality: 'critical' })
  await runWithContext(request, () => job.enqueue(pool, { n: 1 }))
  await waitUntil('the job has run', () => seen.length > 0)
  assert.deepEqual(seen, [trace.traceId, 'acme', 'background', true, 'acme'])
  await worker.close()
  await tracer.close()
  const [span] = exporter.spans
  assert.equal(span?.name, 'job context')
  assert.equal(span?.parentSpanId, trace.spanId)
  assert.equal(span?.attributes['plimsoll.tenant'], 'acme')
})

test('failed runs are tried again until one succeeds, and are counted', async () => {
  const attempts: [number, boolean][] = []
  const job = defineJob('flaky', {
    input,
    retry: { attempts: 3, base: '1ms', cap: '1ms' },
    async run (_, { attempt, isLastAttempt }) {
      attempts.push([attempt, isLastAttempt])
      if (attempt < 3) throw new Error('not yet')
    },
  })
  const { pool, worker, registry } = await yard.launch([job])
  await worker.start()
  await job.enqueue(pool, { n: 1 })
  await waitUntil('the third run', () => attempts.length === 3)
  await worker.close()
  assert.deepEqual(attempts, [[1, false], [2, false], [3, true]])
  assert.equal(counted(registry, 'plimsoll_jobs_runs_total', { job: 'flaky', outcome: 'retry' }), 2)
  assert.equal(counted(registry, 'plimsoll_jobs_runs_total', { job: 'flaky', outcome: 'done' }), 1)
})

test('a job that cannot succeed ends: at once when it says so, otherwise after its last attempt', async () => {
  const runs: string[] = []
  const never = defineJob('never', {
    input,
    tracked: true,
    async run () {
      runs.push('never')
      throw new NeverRetry('the card is stolen')
    },
  })
  const always = defineJob('always', {
    input,
    tracked: true,
    retry: { attempts: 2, base: '1ms', cap: '1ms' },
    async run () {
      runs.push('always')
      throw new Error('broken')
    },
  })
  const { pool, worker, jobs } = await yard.launch([never, always])
  await worker.start()
  const [first, second] = [await never.enqueue(pool, { n: 1 }), await always.enqueue(pool, { n: 1 })]
  const [one, two] = await Promise.all([jobs.waitFor(first.id), jobs.waitFor(second.id)])
  assert.deepEqual(runs.toSorted(), ['always', 'always', 'never'])
  assert.deepEqual([one?.state, one?.attempt, one?.error?.message], ['failed', 1, 'the card is stolen'])
  assert.deepEqual([two?.state, two?.attempt, two?.error?.message], ['failed', 2, 'broken'])
  const dead = (await jobs.store.tiers()).find(({ tier }) => tier === 'within-1m')?.dead
  assert.equal(dead, 2)
  await worker.close()
})

test('a wait that is asked for is kept, and a snooze does not count as an attempt', async () => {
  const times: [string, number, number][] = []
  const job = defineJob('patient', {
    input,
    ...soon,
    async run ({ n }, { attempt }) {
      times.push([n === 1 ? 'later' : 'snooze', attempt, performance.now()])
      const count = times.filter(([what]) => what === (n === 1 ? 'later' : 'snooze')).length
      if (count > 1) return
      throw n === 1 ? new RetryLater({ after: '300ms' }) : new Snooze('300ms')
    },
  })
  const { pool, worker } = await yard.launch([job])
  await worker.start()
  await job.enqueueMany(pool, [{ n: 1 }, { n: 2 }])
  await waitUntil('all have run twice', () => times.length === 4)
  await worker.close()
  for (const [what, attempts] of [['later', [1, 2]], ['snooze', [1, 1]]] as const) {
    const own = times.filter(([name]) => name === what)
    assert.deepEqual(own.map(([, attempt]) => attempt), attempts)
    assert.ok(own[1]![2] - own[0]![2] >= 290, `${what}: ${own[1]![2] - own[0]![2]} ms`)
  }
})

test("a transactional job's writes commit with its settlement, or not at all", async () => {
  const { pool: setUp } = await yard.launch([])
  await setUp.query('create table ledger (n int, attempt int)')
  const told = new Set<string>()
  const wake: WakeLine = {
    call: ({ changed = [] }) => changed.forEach((id) => told.add(id)),
    async listen () {},
    async close () {},
    async [Symbol.asyncDispose] () {},
  }
  const job = defineJob('book', {
    input,
    ...soon,
    transactional: true,
    tracked: true,
    output: Type.Object({ booked: Type.Number() }),
    async run ({ n }, { id, tx, attempt }) {
      await tx.query('insert into ledger values ($1, $2)', [n, attempt])
      if (attempt === 1) throw new Error('after the write')
      told.delete(id)
      return { booked: n }
    },
  })
  const { pool, worker, jobs } = await yard.launch([job], { wake })
  await worker.start()
  const tickets = await job.enqueueMany(pool, [1, 2, 3].map((n) => ({ n })))
  const statuses = await Promise.all(tickets.map(({ id }) => jobs.waitFor(id)))
  assert.deepEqual(
    statuses.map((status) => [status?.state, status?.result]),
    [1, 2, 3].map((booked) => ['done', { booked }])
  )
  await waitUntil('others are told', () => tickets.every(({ id }) => told.has(id)))
  const { rows } = await pool.query('select n, attempt from ledger order by n')
  assert.deepEqual(rows, [1, 2, 3].map((n) => ({ n, attempt: 2 })))
  await worker.close()
})

test('a run ends with its deadline, statements included, and is tried again', async () => {
  const reasons: unknown[] = []
  const job = defineJob('slow', {
    input,
    deadline: '100ms',
    retry: { attempts: 2, base: '1ms', cap: '1ms' },
    tracked: true,
    async run (_, { data, signal }) {
      try {
        await data.query('select pg_sleep(20)')
      } catch (error) {
        reasons.push((error as { code?: string }).code)
        // The server's clock may have been a moment ahead of ours.
        await waitUntil('the signal aborts', () => signal.aborted)
        throw error
      }
    },
  })
  const { pool, worker, jobs } = await yard.launch([job])
  await worker.start()
  const { id } = await job.enqueue(pool, { n: 1 })
  const status = await jobs.waitFor(id)
  assert.deepEqual(reasons, ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'])
  assert.deepEqual([status?.state, status?.error?.code], ['failed', 'DEADLINE_EXCEEDED'])
  await worker.close()
})

test('a payload that this release cannot read is tried again, and then told as a dead letter', async () => {
  const before = defineJob('shape', { input, async run () {} })
  const older = await yard.launch([before])
  const { id } = await before.enqueue(older.pool, { n: 1 }, { tracked: true })
  let runs = 0
  const now = defineJob('shape', {
    input: Type.Object({ name: Type.String() }),
    retry: { attempts: 1 },
    async run () {
      runs++
    },
  })
  const { worker, jobs } = await yard.launch([now])
  await worker.start()
  await waitUntil('a run has failed', async () => (await jobs.status(id))?.error !== undefined)
  const status = await jobs.status(id)
  assert.equal(status?.error?.code, 'JOB_PAYLOAD_UNREADABLE')
  assert.match(status.error.message, /another release.*\/: must have required properties name|must/s)
  assert.equal(runs, 0)
  await worker.close()
  await jobs.cancel(id)
})
