import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Type } from 'typebox'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { defineJob } from '../../../work/jobs/index.ts'
import { buildApp } from '../build.ts'
import { testEnvironment } from '../environment.fixture.ts'
import { type DefinedService, defineService } from '../service.ts'

let database: TestDatabase
let service: DefinedService

const Charge = Type.Object({ cents: Type.Integer({ minimum: 1 }) })
const charge = defineJob('charge', { input: Charge, async run () {} })

before(async () => {
  database = await testDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-payload-'))
  await writeFile(join(folder, '0001_start.sql'), 'select 1')
  service = defineService({
    name: 'till',
    database: { schema: 'till', migrations: pathToFileURL(`${folder}/`) },
    jobs: [charge],
    routes (app) {
      app.post('/charges', { schema: { body: Charge } }, async (request, reply) => {
        await charge.enqueue(app.data, request.body)
        return reply.code(204).send()
      })
      app.post('/refunds', async (request, reply) => {
        const { cents } = request.body as { cents: number }
        await charge.enqueue(app.data, { cents: -cents })
        return reply.code(204).send()
      })
    },
  })
})

after(() => database.close())

test('a payload that a client got wrong is told by the schema of the route; one that the service made wrong is its own fault', async () => {
  await using environment = await testEnvironment({ DATABASE_URL: database.url, PLIMSOLL_ROLE: 'web' })
  const app = await buildApp(service, environment)
  const wrong = await app.inject({ method: 'POST', url: '/charges', payload: { cents: 0 } })
  assert.equal(wrong.statusCode, 400)
  assert.equal(wrong.json().code, 'VALIDATION_FAILED')
  assert.deepEqual(wrong.json().issues.map((issue: { in: string; path: string }) => issue.in + issue.path), [
    'body/cents',
  ])
  const made = await app.inject({ method: 'POST', url: '/refunds', payload: { cents: 5 } })
  assert.equal(made.statusCode, 500)
  assert.equal(made.json().code, 'INTERNAL_ERROR')
  assert.doesNotMatch(made.body, /cents|charge/)
  assert.equal((await app.inject({ method: 'POST', url: '/charges', payload: { cents: 5 } })).statusCode, 204)
  assert.equal((await app.data.query('select from plimsoll_job')).rowCount, 1)
})
