import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { inTransaction, onItsOwn } from './effect-jobs.fixture.ts'
import { openYard, type Yard } from './jobs.fixture.ts'

let yard: Yard

before(async () => {
  yard = await openYard()
})

after(() => yard[Symbol.asyncDispose]())

async function startWorker (): Promise<ChildProcess> {
  const child = fork(new URL('worker-process.fixture.ts', import.meta.url), {
    execArgv: ['--conditions=plimsoll-source'],
  })
  child.send(yard.database.url)
  await once(child, 'message')
  return child
}

test('workers killed and paused beyond their lease: no job is lost, and effects in its transaction happen once', async (t) => {
  const jobsEach = 400
  const { pool, jobs } = await yard.launch([inTransaction, onItsOwn])
  await pool.query('create table effect (job text, n int)')
  const inputs = Array.from({ length: jobsEach }, (_, n) => ({ n }))
  await inTransaction.enqueueMany(pool, inputs)
  await onItsOwn.enqueueMany(pool, inputs)
  const effects = async (): Promise<number> => (await pool.query('select 1 from effect')).rows.length

  const [killed, paused] = await Promise.all([startWorker(), startWorker()])
  await waitUntil('there is something to lose', async () => (await effects()) > 20)
  killed.kill('SIGKILL')
  paused.kill('SIGSTOP')
  const survivor = await startWorker()
  // Longer than the lease, so that the jobs of the paused one go to others.
  await wait(2_500)
  paused.kill('SIGCONT')
  const states = async (): Promise<number> =>
    (await jobs.store.tiers()).reduce(
      (sum, { depth, running, later, dead }) => sum + depth + running + later + dead,
      0
    )
  await waitUntil('the queue is empty', async () => (await states()) === 0)
  for (const child of [paused, survivor]) child.kill('SIGKILL')

  const { rows } = await pool.query<{ job: string; rows: number; jobs: number }>(
    'select job, count(*)::int as rows, count(distinct n)::int as jobs from effect group by job order by job'
  )
  const [once1, own] = rows
  assert.deepEqual(once1, { job: 'in-transaction', rows: jobsEach, jobs: jobsEach })
  assert.equal(own?.jobs, jobsEach)
  t.diagnostic(`of ${jobsEach} jobs that are not transactional, ${own.rows - jobsEach} ran twice`)
})
