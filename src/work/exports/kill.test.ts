import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { governPool } from '../../data/index.ts'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { type Jobs, openJobs } from '../jobs/index.ts'
import { entriesExport, makeEntries, readAll } from './exports.fixture.ts'
import type { Exports } from './exports.ts'
import type { MakerOrder } from './maker-process.fixture.ts'
import { openExports } from './open-exports.ts'
import { directoryStore, type FileStore } from './store/index.ts'

const owner = { tenant: 'acme' }
const definition = entriesExport('entries')
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

async function startMaker (stopAt?: MakerOrder['stopAt']): Promise<ChildProcess> {
  const child = fork(new URL('maker-process.fixture.ts', import.meta.url), {
    execArgv: ['--conditions=plimsoll-source'],
  })
  child.send({ url: database.url, path, stopAt } satisfies MakerOrder)
  await once(child, 'message')
  return child
}

async function bytesOf (id: string): Promise<Buffer> {
  return readAll((await exports.file(id, owner)).read())
}

test('kill -9 in the middle of a part, and between a part and its record: the bytes are those of no kill', async () => {
  const asked = await exports.request(definition, {}, owner)
  const { id } = asked.status
  const kills = [
    { part: 1, place: 'in the middle', parts: 1 },
    { part: 2, place: 'durable', parts: 2 },
  ] as const
  for (const { parts, ...stopAt } of kills) {
    const maker = await startMaker(stopAt)
    await once(maker, 'message') // it stands
    assert.equal((await exports.status(id, owner)).status.parts, parts)
    maker.kill('SIGKILL')
    await once(maker, 'close')
  }
  const last = await startMaker()
  try {
    const resumed = await exports.waitFor(id, owner, { ms: 20_000 })
    assert.equal(resumed.status.state, 'done')
    const whole = await exports.request(definition, {}, owner)
    await exports.waitFor(whole.status.id, owner, { ms: 20_000 })
    assert.ok((await bytesOf(id)).equals(await bytesOf(whole.status.id)))
    assert.equal(resumed.status.rows, 30_000)

    // What the killed ones left behind is none of the export's, and goes with it.
    const { rows } = await pool.query('select file from plimsoll_export_part where export = $1', [id])
    const files = async (): Promise<number> => {
      let count = 0
      for await (const _ of store.list(`${id}/`)) count++
      return count
    }
    assert.equal(await files(), rows.length + 1)
    await exports.cancel(id, owner)
    assert.equal(await files(), 0)
  } finally {
    last.kill('SIGKILL')
  }
})

test('an export that is cancelled while another process makes it ends there', async () => {
  const maker = await startMaker({ part: 1, place: 'in the middle' })
  try {
    const { status: { id } } = await exports.request(definition, {}, owner)
    await once(maker, 'message')
    assert.equal((await exports.cancel(id, owner)).status.state, 'cancelled')
    const { rows: [row] } = await pool.query<{ job: string }>(
      'select job from plimsoll_export where id = $1',
      [id]
    )
    // The signal of its run aborts with the next heartbeat.
    await waitUntil('the job is over', async () => (await jobs.status(row!.job))?.state === 'cancelled')
  } finally {
    maker.kill('SIGKILL')
  }
})
