import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { type Clock, systemClock } from '../../kernel/index.ts'
import { defineJob } from './define-job.ts'
import { openYard } from './jobs.fixture.ts'

const hourMs = 3_600_000

test('wherever the wall clock of a process jumps to, what is due runs, once, and what is not due waits', async () => {
  await using yard = await openYard()
  let skewMs = 0
  const jumping: Clock = { ...systemClock, epochMs: () => systemClock.epochMs() + skewMs }
  const seen: number[] = []
  const job = defineJob('jumps', {
    input: Type.Object({ n: Type.Number() }),
    retry: { base: '1ms', cap: '1ms' },
    async run ({ n }, run) {
      seen.push(n)
      // In the middle of a run, and before its retry is placed.
      skewMs = -skewMs
      if (n % 2 === 1 && !run.isLastAttempt) throw new Error('again')
    },
  })
  const { pool, worker } = await yard.launch([job], { clock: jumping })
  await worker.start()
  // By a clock that is right, a day ahead.
  const right = await yard.launch([job])
  const later = await job.enqueue(right.pool, { n: 100 }, { delay: '24h', tracked: true })
  const expected: number[] = []
  for (const [n, skew] of [0, hourMs, -hourMs, 12 * hourMs, -12 * hourMs, 0].entries()) {
    skewMs = skew
    await job.enqueue(pool, { n }, { attempts: 2 })
    for (let run = 0; run < 1 + n % 2; run++) expected.push(n)
    await waitUntil(`job ${n} has run`, () => seen.length === expected.length)
  }
  assert.deepEqual(seen, expected)
  await worker.drain(10_000)
  assert.equal((await right.jobs.status(later.id))?.state, 'waiting')
  const { rows } = await pool.query<{ count: number }>('select count(*)::int as count from plimsoll_job')
  assert.deepEqual(rows, [{ count: 0 }])
})
