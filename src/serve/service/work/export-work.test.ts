import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Type } from 'typebox'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { defineExport, exportInstead } from '../../../work/exports/index.ts'
import { buildService } from '../build.ts'
import { testEnvironment } from '../environment.fixture.ts'
import { type DefinedService, defineService, type ServiceDefinition } from '../service.ts'

let database: TestDatabase
let migrations: URL
let stateDirectory: string

before(async () => {
  database = await testDatabase()
  stateDirectory = await mkdtemp(join(tmpdir(), 'plimsoll-exports-'))
  await writeFile(
    join(stateDirectory, '0001_greeting.sql'),
    `create table greeting as select 1 as id, 'ann' as name`
  )
  migrations = pathToFileURL(`${stateDirectory}/`)
})

after(() => database.close())

const greetings = defineExport('greetings', {
  input: Type.Object({}),
  key: 'id',
  coding: 'identity',
  query: () => ({ text: 'select id, name from greeting', values: [] }),
})

const greeter = (parts: Partial<ServiceDefinition>): DefinedService =>
  defineService({
    name: 'greeter',
    database: { schema: 'greeter', migrations },
    routes (app) {
      const instead = exportInstead(greetings, () => ({}), { fromRows: 0 })
      app.get('/greetings', { config: { export: instead } }, () => ({ now: true }))
      app.get('/now', { config: { export: instead, respondAsync: false } }, () => ({ now: true }))
    },
    ...parts,
  })

test('a route with an export hands requests over that prefer so, by that setting alone', async () => {
  await using environment = await testEnvironment({
    DATABASE_URL: database.url,
    PLIMSOLL_STATE_DIRECTORY: stateDirectory,
  })
  const { app, work } = await buildService(greeter({ exports: [greetings] }), environment)
  await work.start()
  const headers = { prefer: 'respond-async' }
  const accepted = await app.inject({ url: '/greetings', headers })
  assert.equal(accepted.statusCode, 202, accepted.body)
  assert.equal(accepted.headers['preference-applied'], 'respond-async')
  const status = await app.inject({ url: String(accepted.headers.location), headers: { prefer: 'wait=10' } })
  assert.equal(status.json().state, 'done', status.body)
  assert.equal((await app.inject(status.json().url)).body, '{"id":1,"name":"ann"}\n')
  assert.deepEqual((await app.inject('/greetings')).json(), { now: true })
  assert.deepEqual((await app.inject({ url: '/now', headers })).json(), { now: true })
  await work.drain(5_000)
})

test('who may have no more exports, or asks for a file too soon, is told when to come back', async () => {
  await using environment = await testEnvironment({
    DATABASE_URL: database.url,
    PLIMSOLL_STATE_DIRECTORY: stateDirectory,
  })
  const limited = greeter({ exports: [greetings], exportLimits: { open: 1 } })
  const { app, work } = await buildService(limited, environment)
  const headers = { prefer: 'respond-async' }
  const accepted = await app.inject({ url: '/greetings', headers })
  assert.equal(accepted.statusCode, 202, accepted.body)
  const refused = await app.inject({ url: '/greetings', headers })
  assert.equal(refused.statusCode, 429)
  assert.equal(refused.headers['retry-after'], '30')
  const { code, detail, retryAfterSeconds } = refused.json()
  assert.deepEqual([code, retryAfterSeconds], ['EXPORT_LIMIT_EXCEEDED', 30])
  assert.equal(detail, '1 exports are queued or running, and 1 may be.')
  const early = await app.inject(`${accepted.headers.location}/file`)
  assert.deepEqual([early.statusCode, early.headers['retry-after'], early.json().detail], [
    409,
    '2',
    'The export is queued; it has 0 rows so far.',
  ])
  await app.inject({ url: String(accepted.headers.location), method: 'DELETE' })
  const gone = await app.inject(`${accepted.headers.location}/file`)
  assert.deepEqual([gone.statusCode, gone.json().detail], [410, 'The export is cancelled.'])
  const none = await app.inject('/exports/none')
  assert.deepEqual([none.statusCode, none.json().detail], [404, 'No export of yours has this id.'])
  await work.drain(5_000)
})

test('a service that lists no exports has no route with one', async () => {
  await using environment = await testEnvironment({ DATABASE_URL: database.url })
  await assert.rejects(buildService(greeter({}), environment), (error: Error) => {
    assert.match(
      String(error.cause ?? error),
      /GET \/greetings config\.export must be used in a service that lists/
    )
    return true
  })
})
