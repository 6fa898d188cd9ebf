import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import pg from 'pg'
import { governPool } from '../../data/index.ts'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { type Jobs, openJobs } from '../jobs/index.ts'
import { killedExport, makeEntries, readAll } from './exports.fixture.ts'
import type { Exports } from './exports.ts'
import type { MakerOrder, StopAt } from './maker-process.fixture.ts'
import { openExports } from './open-exports.ts'
import { directoryStore, type FileStore } from './store/index.ts'

const owner = { tenant: 'acme' }
const definition = killedExport()
let database: TestDatabase
let pool: pg.Pool
let jobs: Jobs
let exports: Exports
let path: string
let store: FileStore

before(async () => {
  database = await testDatabase()
  const registry = new MetricsRegistry()
  const own = new pg.Pool({ connectionString: database.url, max: 4 })
  own.on('error', () => {})
  pool = governPool(own, { registry })
  await pool.query(makeEntries)
  path = await mkdtemp(join(tmpdir(), 'plimsoll-exports-'))
  store = directoryStore({ path })
  jobs = await openJobs({ pool, jobs: [definition.job], lease: '1s', registry })
  exports = await openExports({ pool, jobs, store, exports: [definition], registry })
})

after(async () => {
  await exports.close()
  await jobs.close()
  await pool.end()
  await database.close()
  await rm(path, { recursive: true, force: true })
})

interface Maker {
  /** When it stands where it was told to. */
  readonly stands: Promise<unknown>
  kill(): Promise<void>
}

function startMaker (stopAt?: StopAt): Maker {
  const child = fork(new URL('maker-process.fixture.ts', import.meta.url), {
    execArgv: ['--conditions=plimsoll-source'],
  })
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.send({ url: database.url, path, stopAt } satisfies MakerOrder)
  return {
    stands: new Promise((resolve) => child.once('message', resolve)),
    kill () {
      child.kill('SIGKILL')
      return closed
    },
  }
}

async function bytesOf (id: string): Promise<Buffer> {
  return readAll((await exports.file(id, owner)).read())
}

async function filesOf (id: string): Promise<number> {
  let count = 0
  for await (const _ of store.list(`${id}/`)) count++
  return count
}

/** The files that the export's record names. */
async function recordedOf (id: string): Promise<number> {
  const { rows } = await pool.query('select file from plimsoll_export_part where export = $1', [id])
  return rows.length
}

async function pass (interval: string): Promise<void> {
  await pool.query(
    'update plimsoll_export set expires_at = expires_at - $1::interval, sweep_at = sweep_at - $1::interval',
    [interval]
  )
}

/** Each run begins where the one before was killed; `parts` is what is recorded by then. */
const kills: readonly (StopAt & { readonly parts: number })[] = [
  { part: 0, place: 'in the middle', parts: 0 },
  { part: 1, place: 'between parts', parts: 1 },
  { part: 1, place: 'in the middle', parts: 1 },
  { part: 2, place: 'durable', parts: 2 },
  { place: 'done', parts: 5 },
]

test('kill -9 at each step of an export: the bytes are those of no kill, and all files go with it', async (t) => {
  const makers: Maker[] = []
  t.after(() => Promise.all(makers.map((maker) => maker.kill())))
  const start = (stopAt?: StopAt): Maker => {
    const maker = startMaker(stopAt)
    makers.push(maker)
    return maker
  }
  const { status: { id } } = await exports.request(definition, {}, owner)
  for (const { parts, ...stopAt } of kills) {
    const maker = start(stopAt as StopAt)
    await maker.stands
    assert.equal((await exports.status(id, owner)).status.parts, parts, stopAt.place)
    await maker.kill()
  }
  // All of it is recorded: the run that its job still has finds nothing to do.
  const made = (await exports.status(id, owner)).status
  assert.deepEqual([made.state, made.rows], ['done', 30_000])
  const undisturbed = start()
  const { status: { id: wholeId } } = await exports.request(definition, {}, owner)
  const whole = await exports.waitFor(wholeId, owner, { timeout: 120_000 })
  assert.equal(whole.status.state, 'done')
  const { rows: [row] } = await pool.query<{ job: string }>('select job from plimsoll_export where id = $1', [
    id,
  ])
  await waitUntil('its job is over', async () => (await jobs.status(row!.job))?.state === 'done')
  const bytes = await bytesOf(id)
  assert.ok(bytes.equals(await bytesOf(wholeId)))
  assert.equal(gunzipSync(bytes).toString().split('\n').length, 30_001)
  assert.deepEqual((await exports.status(id, owner)).status, made)
  await undisturbed.kill()

  // What the killed ones left behind is none of the export's: a broken file is in no list, and one was not recorded.
  assert.equal(await filesOf(id), await recordedOf(id) + 1)
  assert.equal(await filesOf(wholeId), await recordedOf(wholeId))
  await exports.cancel(wholeId, owner)
  assert.equal(await filesOf(wholeId), 0)

  // The one that deletes what has expired is killed, too.
  await pass('25 hours')
  const sweeper = start({ place: 'sweep' })
  await sweeper.stands
  await sweeper.kill()
  assert.ok(await filesOf(id) > 0)
  assert.deepEqual(await exports.upkeep(), { swept: 0, forgotten: 0, failed: 0 }) // it is the other's for ten minutes
  await pass('10 minutes')
  await exports.upkeep()
  assert.deepEqual(await readdir(path), [])
  assert.equal((await exports.status(id, owner)).status.state, 'expired')
})

test('an export that is cancelled while another process makes it ends there', async () => {
  const maker = startMaker({ part: 1, place: 'in the middle' })
  try {
    const { status: { id } } = await exports.request(definition, {}, owner)
    await maker.stands
    assert.equal((await exports.cancel(id, owner)).status.state, 'cancelled')
    const { rows: [row] } = await pool.query<{ job: string }>(
      'select job from plimsoll_export where id = $1',
      [id]
    )
    // The signal of its run aborts with the next heartbeat.
    await waitUntil('the job is over', async () => (await jobs.status(row!.job))?.state === 'cancelled')
  } finally {
    await maker.kill()
  }
})
