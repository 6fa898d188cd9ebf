import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { uuidv7 } from '../../kernel/index.ts'
import { jobFailure } from '../../work/jobs/failure/index.ts'
import { pgBossJobStore } from '../../work/jobs/pg-boss/index.ts'
import { type JobStore, type NewJob, postgresJobStore } from '../../work/jobs/store/index.ts'
import { InterruptedError } from '../errors.ts'
import { run } from '../run.ts'

const face = fileURLToPath(new URL('../../index.ts', import.meta.url))
const jobsFace = fileURLToPath(new URL('../../work/jobs/index.ts', import.meta.url))
const service = `import { defineService } from '${face}'
import { defineJob } from '${jobsFace}'
const input = { type: 'object', properties: { orderId: { type: 'string' } }, required: ['orderId'] }
export default defineService({
  name: 'shop',
  database: { schema: 'shop', migrations: new URL('./migrations/', import.meta.url) },
  jobs: [defineJob('order.charge', { input, async run () {} })],
  routes () {},
})`

let database: TestDatabase
let pool: pg.Pool
let store: JobStore
let directory: string

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
  store = postgresJobStore({ pool, schema: 'shop' })
  await store.prepare()
  directory = await mkdtemp(join(tmpdir(), 'plimsoll-jobs-'))
  await mkdir(join(directory, 'migrations'))
  await writeFile(join(directory, 'service.mjs'), service)
})
beforeEach(async () => {
  await pool.query(`TRUNCATE shop.plimsoll_job, shop.plimsoll_job_later, shop.plimsoll_job_dead,
    shop.plimsoll_job_dead_audit, shop.plimsoll_job_receipt`)
})
after(async () => {
  await rm(directory, { recursive: true, force: true })
  await store?.close()
  await pool?.end()
  await database?.close()
})

const tier = 'within-5s'
const someJob: Omit<NewJob, 'id'> = {
  name: 'order.charge',
  tier,
  tenant: 'acme',
  weight: 1,
  priority: 0,
  payload: '{"orderId":"17"}',
  attempts: 3,
  tracked: true,
  context: {} as NewJob['context'],
}

interface Finished {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** The command in this process: to start one for each takes longer than what it does. */
async function command (args: readonly string[], interruption = new AbortController()): Promise<Finished> {
  const texts = { stdout: '', stderr: '' }
  const output = (name: keyof typeof texts) => ({ write: (text: string) => void (texts[name] += text) })
  const exitCode = await run(args, {
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: {},
    directory,
    version: '0.0.0',
    watchInterrupts: () => ({ signal: interruption.signal, [Symbol.dispose] () {} }),
  })
  return { exitCode, ...texts }
}

function jobs (...args: string[]): Promise<Finished> {
  return command(['jobs', ...args, '--schema', 'shop', '--database-url', database.url])
}

async function enqueue (count: number): Promise<readonly string[]> {
  const all = Array.from({ length: count }, () => ({ ...someJob, id: uuidv7() }))
  await store.enqueue(pool, all)
  return all.map(({ id }) => id)
}

/** Takes what waits and ends it as a worker of version 1.4.0 would. */
async function work (outcome: 'done' | Error): Promise<number> {
  const batch = await store.claim({ tier, limit: 100, leaseMs: 30_000 })
  if (batch === undefined) return 0
  const error = outcome === 'done' ? undefined : jobFailure(outcome, '1.4.0')
  await store.settle(
    batch.token,
    batch.jobs.map(({ id }) => error === undefined ? { id, kind: 'done' } : { id, kind: 'dead', error })
  )
  return batch.jobs.length
}

async function die (count: number, message = 'card 17 was refused'): Promise<readonly string[]> {
  const ids = await enqueue(count)
  await work(
    Object.assign(new Error(message), {
      stack: `Error: ${message}\n    at charge (/app/src/payments.ts:3:5)`,
    })
  )
  return ids
}

test('groups, list and show tell people what failed, and scripts, too', async () => {
  const [id = ''] = await die(3)
  const groups = await jobs('groups')
  assert.equal(groups.exitCode, 0, groups.stderr)
  assert.match(
    groups.stdout,
    /^[\da-f]{12} {2}3 x order\.charge\n {2}Error: card 17 was refused\n {2}first \d+s ago, /
  )
  assert.match(groups.stdout, /1 tenant; in 1\.4\.0 \(3\); e\.g\. [\da-f-]{36}$/m)
  const list = await jobs('list', '--limit', '2')
  assert.match(list.stdout, /^id +job +tenant +runs +died +group +error$/m)
  const [, next = ''] = /There are more: --after (\S+)/.exec(list.stdout) ?? []
  const rest = JSON.parse((await jobs('list', '--limit', '2', '--after', next, '--json')).stdout)
  assert.equal(rest.letters.length, 1)
  const shown = await jobs('show', id)
  assert.match(
    shown.stdout,
    /^order\.charge [\da-f-]{36}\n {2}tier +within-5s\n {2}tenant +acme\n {2}runs +1 of 3$/m
  )
  assert.match(shown.stdout, /^Payload\n {2}\{\n {4}"orderId": "17"$/m)
  assert.match(shown.stdout, /at charge/)
})

test('the module says which schema, and the service need not run', async () => {
  await die(1)
  const args = ['jobs', 'groups', '--module', 'service.mjs', '--database-url', database.url, '--json']
  const { exitCode, stdout, stderr } = await command(args)
  assert.equal(exitCode, 0, stderr)
  assert.equal(JSON.parse(stdout).groups[0].count, 1)
  const [{ name, versions }] = JSON.parse(stdout).groups
  assert.deepEqual([name, versions[0].version], ['order.charge', '1.4.0'])
})

test('with the module, an edit is checked against the schema of the job', async () => {
  const [id = ''] = await die(1)
  const edit = (payload: string) =>
    command([
      'jobs',
      'edit',
      id,
      '--payload',
      payload,
      '--module',
      'service.mjs',
      '--database-url',
      database.url,
    ])
  const wrong = await edit('{"orderId":18}')
  assert.equal(wrong.exitCode, 1)
  assert.match(wrong.stderr, /not one of the job: .*orderId/)
  assert.equal((await edit('{"orderId":"18"}')).exitCode, 0)
})

test('jobs in pg-boss are redriven there', async () => {
  await using boss = pgBossJobStore({ pool, schema: 'other' })
  await boss.prepare()
  const job = { ...someJob, id: uuidv7() }
  await boss.enqueue(pool, [job])
  const batch = await boss.claim({ tier, limit: 1, leaseMs: 30_000 })
  await boss.settle(batch!.token, [{ id: job.id, kind: 'dead', error: jobFailure(new Error('no')) }])
  const args = [
    'jobs',
    'redrive',
    '--all',
    '--ahead',
    '0',
    '--schema',
    'other',
    '--database-url',
    database.url,
  ]
  const finished = command(args)
  await waitUntil('it is done', async () => {
    const again = await boss.claim({ tier, limit: 1, leaseMs: 30_000 })
    if (again === undefined) return false
    await boss.settle(again.token, [{ id: job.id, kind: 'done' }])
    return true
  })
  const { exitCode, stdout, stderr } = await finished
  assert.deepEqual([exitCode, stdout], [0, 'done: 1 of 1 sent, 1 succeeded\n'], stderr)
  const { rows } = await pool.query(`SELECT to_regclass('other.plimsoll_job') AS there`)
  assert.equal(rows[0].there, null)
})

test('edit, try one, send the group: what stays broken stops it with 1, what is repaired goes through', async () => {
  const [id = ''] = await die(5)
  await writeFile(join(directory, 'payload.json'), '{"orderId":"18"}\n')
  const edited = await jobs(
    'edit',
    id,
    '--payload',
    '@payload.json',
    '--actor',
    'ann',
    '--reason',
    'ticket 12'
  )
  assert.equal(edited.exitCode, 0, edited.stderr)
  assert.match(
    (await jobs('show', id)).stdout,
    /edit by ann \(ticket 12\): \{"orderId":"17"\} -> \{"orderId":"18"\}/
  )

  const { groups: [{ fingerprint }] } = JSON.parse((await jobs('groups', '--json')).stdout)
  assert.equal(
    (await jobs('redrive', '--group', fingerprint, '--dry-run')).stdout,
    '5 meant; nothing was changed\n'
  )
  const broken = await redriven(['--group', fingerprint], new Error('card 18 was refused'))
  assert.equal(broken.exitCode, 1, broken.stderr)
  assert.match(
    broken.stdout,
    /^stopped: 1 of 5 sent, 0 succeeded, 1 dead again\n {2}[\da-f-]{36} {2}Error: card 18/
  )
  assert.match(broken.stderr, /testing: 1 of 5 sent, 0 succeeded, 1 under way/)

  const tried = await redriven([id, '--test'], 'done')
  assert.equal(tried.exitCode, 0, tried.stderr)
  assert.match((await jobs('show', id)).stdout, /state +done[^]*redrive by /)

  const whole = await redriven(['--all', '--rate', '100', '--json'], 'done')
  assert.equal(whole.exitCode, 0, whole.stderr)
  const { state, sent, succeeded } = JSON.parse(whole.stdout)
  assert.deepEqual([state, sent, succeeded], ['done', 4, 4])
  assert.equal((await jobs('groups')).stdout, 'No dead letters.\n')
})

async function redriven (args: readonly string[], outcome: 'done' | Error): Promise<Finished> {
  let isOver = false
  const finished = jobs('redrive', ...args).finally(() => isOver = true)
  await waitUntil('the redrive is over', async () => {
    await work(outcome)
    return isOver
  })
  return await finished
}

test('Ctrl-C ends a redrive that nobody works for, with 130', async () => {
  await die(2)
  const interruption = new AbortController()
  const args = ['jobs', 'redrive', '--all', '--schema', 'shop', '--database-url', database.url]
  const finished = command(args, interruption)
  await waitUntil('one was sent', async () => (await store.tiers())[0]?.depth === 1)
  interruption.abort(new InterruptedError())
  const { exitCode, stdout } = await finished
  assert.equal(exitCode, 130)
  assert.match(stdout, /^interrupted: 1 of 2 sent, 0 succeeded, 1 under way$/m)
})

test('discard leaves a history; cancel ends what waits; tiers say how it stands', async () => {
  const [id = ''] = await die(2)
  assert.equal((await jobs('discard', id, '--actor', 'ann')).stdout, '1 discarded; the audit keeps them\n')
  assert.match((await jobs('show', id)).stdout, /state +dead[^]*is no dead letter any more[^]*discard by ann/)
  const [waiting = ''] = await enqueue(1)
  const tiers = await jobs('tiers')
  assert.match(
    tiers.stdout,
    /^tier +waiting +oldest +running +later +held +dead +workers\nwithin-5s +1 +\S+ +0 +0 +0 +1 +0 +nobody works on it$/m
  )
  await pool.query(
    `INSERT INTO shop.plimsoll_job_worker (worker, tier, taken, names) VALUES ('a', 'within-5s', 0, '["other"]')`
  )
  assert.match((await jobs('tiers')).stdout, /^within-5s .* 1 +no worker knows \S+ \(1\)$/m)
  await pool.query('DELETE FROM shop.plimsoll_job_worker')
  const cancelled = await jobs('cancel', waiting)
  assert.deepEqual([cancelled.exitCode, cancelled.stdout], [0, `${waiting} cancelled\n`])
  assert.equal((await jobs('cancel', waiting)).exitCode, 1)
})

test('what is not there is said, with 1; what is wrong, with 2', async () => {
  const missing = await jobs('show', uuidv7())
  assert.equal(missing.exitCode, 1)
  assert.match(missing.stderr, /there is no dead letter/)
  assert.equal((await jobs('edit', uuidv7(), '--payload', '1')).exitCode, 1)
  assert.equal((await jobs('redrive')).exitCode, 2)
  for (const action of ['redrive', 'show', 'cancel']) {
    const strange = await jobs(action, '17')
    assert.equal(strange.exitCode, 2)
    assert.match(strange.stderr, /"17" is not the id of a job/)
  }
  const nothing = await jobs('redrive', '--group', '000000000000')
  assert.deepEqual([nothing.exitCode, /No dead letter is meant/.test(nothing.stdout)], [0, true])
  const other = ['jobs', 'tiers', '--schema', 'nowhere', '--database-url', database.url]
  const none = await command(other)
  assert.equal(none.exitCode, 1)
  assert.match(none.stderr, /no tables of jobs in the schema "nowhere"/)
})
