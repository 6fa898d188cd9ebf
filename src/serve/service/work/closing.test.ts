import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { Type } from 'typebox'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { runWithoutContext } from '../../../kernel/index.ts'
import { defineEvent } from '../../../work/events/index.ts'
import { defineJob } from '../../../work/jobs/index.ts'
import { buildService } from '../build.ts'
import { type TestEnvironment, testEnvironment } from '../environment.fixture.ts'
import { type DefinedService, defineService } from '../service.ts'
import type { ServiceWork } from './open-work.ts'

let database: TestDatabase
let pool: pg.Pool
let service: DefinedService

const left = defineEvent('guest.left', 1, Type.Object({ name: Type.String() }), { key: ({ name }) => name })

/** What the runs under way wait for, and what they have come to. */
const runs = {
  begun: Promise.withResolvers<void>(),
  mayEnd: Promise.withResolvers<void>(),
  ended: Promise.withResolvers<void>(),
}

function renew (): void {
  for (const name of ['begun', 'mayEnd', 'ended'] as const) runs[name] = Promise.withResolvers()
}

const stay = defineJob('stay', {
  input: Type.Object({ name: Type.String() }),
  tier: 'within-5s',
  async run ({ name }, { data, signal }) {
    runs.begun.resolve()
    const told = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    await Promise.race([runs.mayEnd.promise, told])
    // What a handler puts in order when it must stop is none of the run's own work any more, which has been aborted.
    const emitting = signal.aborted ?
      runWithoutContext(() => left.emit(data, { name })) :
      left.emit(data, { name })
    await emitting.then(() => runs.ended.resolve(), runs.ended.reject)
  },
})

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 1 })
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-closing-'))
  await writeFile(join(folder, '0001_start.sql'), 'create table guest (name text)')
  service = defineService({
    name: 'inn',
    database: { schema: 'inn', migrations: pathToFileURL(`${folder}/`) },
    jobs: [stay],
    events: [left],
    routes () {},
  })
})

after(async () => {
  await pool.end()
  await database.close()
})

async function withGuest (
  name: string
): Promise<{ readonly work: ServiceWork; readonly environment: TestEnvironment }> {
  renew()
  const environment = await testEnvironment({ DATABASE_URL: database.url })
  const { app, work } = await buildService(service, environment)
  await work.start()
  await stay.enqueue(app.data, { name })
  await runs.begun.promise
  return { work, environment }
}

async function emittedBy (name: string): Promise<number> {
  const { rows } = await pool.query('select from inn.plimsoll_outbox where aggregateid = $1', [name])
  return rows.length
}

test('a job that ends while the process drains can still emit', async () => {
  const { work, environment } = await withGuest('ann')
  const drained = work.drain(60_000)
  runs.mayEnd.resolve()
  await runs.ended.promise
  await drained
  await environment[Symbol.asyncDispose]()
  assert.equal(await emittedBy('ann'), 1)
})

test('a job that is told to stop by the end of the process can still emit: what it needs closes after it', async () => {
  const { environment } = await withGuest('bob')
  await environment[Symbol.asyncDispose]()
  await runs.ended.promise
  assert.equal(await emittedBy('bob'), 1)
})
