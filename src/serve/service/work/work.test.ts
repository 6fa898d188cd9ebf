import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { keptLines } from '../../../telemetry/log/lines.fixture.ts'
import { buildService } from '../build.ts'
import { testEnvironment } from '../environment.fixture.ts'
import { defineService } from '../service.ts'
import { greet, type GreeterPlace, greeterPlace, hold } from './greeter.fixture.ts'

let place: GreeterPlace

before(async () => {
  place = await greeterPlace()
})

after(() => place[Symbol.asyncDispose]())

test('what a request leaves is done, and its status can be waited for, then told by its tag', async () => {
  await using on = await place.running('all')
  const status = await on.greetingOf('ann')
  const answer = await on.ask(status, { prefer: 'wait=10' })
  assert.equal(answer.statusCode, 200)
  const { state, result, attempt, error } = answer.json()
  assert.deepEqual({ state, result, attempt, error }, {
    state: 'done',
    result: { said: 'hello ann' },
    attempt: 1,
    error: undefined,
  })
  assert.equal(answer.headers['retry-after'], undefined)
  const again = await on.ask(status, { 'if-none-match': String(answer.headers.etag), prefer: 'wait=10' })
  assert.equal(again.statusCode, 304)
})

test('how long jobs wait is told by class of tenant', async () => {
  await using on = await place.running('all')
  for (const tenant of ['acme', 'corner-shop']) {
    const headers = { 'x-tenant': tenant, prefer: 'wait=10' }
    const status = await on.greetingOf('kim', tenant)
    assert.equal((await on.app.inject({ url: status, headers })).json().state, 'done')
  }
  const { families } = on.environment.telemetry.registry.snapshot()
  const waits = families.find(({ name }) => name === 'plimsoll_jobs_wait_seconds')
  assert.deepEqual(waits?.labels, ['tier', 'tenant_class'])
  assert.deepEqual(waits?.labelValues, ['within-5s', 'large', 'within-5s', 'small'])
})

test('a job is there for its tenant alone', async () => {
  await using on = await place.running('all')
  const status = await on.greetingOf('eve', 'acme')
  assert.equal((await on.ask(status)).statusCode, 200)
  for (const headers of [{ 'x-tenant': 'other' }, { 'x-tenant': '' }])
    assert.equal((await on.ask(status, headers)).json().code, 'JOB_NOT_FOUND')
  const deleted = await on.app.inject({ method: 'DELETE', url: status, headers: { 'x-tenant': 'other' } })
  assert.equal(deleted.statusCode, 404)
})

test('a failure is told by its code, not in the words of the service', async () => {
  await using on = await place.running('all')
  const answer = await on.ask(await on.greetingOf('nobody'), { prefer: 'wait=10' })
  assert.equal(answer.json().state, 'failed')
  assert.deepEqual(answer.json().error, { name: 'Error', code: 'NOBODY_THERE' })
  assert.doesNotMatch(answer.body, /secret/)
})

test('waiting for a job is neither a repeated statement nor a slow request', async () => {
  const lines = keptLines()
  await using on = await place.running('all', { lines })
  hold.set('kim', Promise.withResolvers())
  const waits = on.ask(await on.greetingOf('kim'), { prefer: 'wait=10' })
  // Longer than what is slow, and so long that it is looked at often: by the clock of a real process.
  setTimeout(() => hold.get('kim')?.resolve(), 1_200)
  assert.equal((await waits).json().state, 'done', (await waits).body)
  assert.deepEqual(lines.objects().filter(({ finding, route }) => finding ?? route), [])
})

test('who knows a state waits for another one', async () => {
  await using on = await place.running('all')
  hold.set('dan', Promise.withResolvers())
  const status = await on.greetingOf('dan')
  await waitUntil('it runs', async () => (await on.ask(status)).json().state === 'running')
  const runs = await on.ask(status)
  const news = on.ask(status, { 'if-none-match': String(runs.headers.etag), prefer: 'wait=20' })
  hold.get('dan')?.resolve()
  assert.equal((await news).json().state, 'done')
})

test('a job that waits is cancelled, one that runs is asked to stop, one that has ended stays as it is', async () => {
  await using web = await place.running('web')
  const waiting = await web.greetingOf('fay')
  const cancelled = await web.app.inject({ method: 'DELETE', url: waiting, headers: { 'x-tenant': 'acme' } })
  assert.equal(cancelled.statusCode, 200)
  assert.equal(cancelled.json().state, 'cancelled')

  await using work = await place.running('all')
  hold.set('gus', Promise.withResolvers())
  const runs = await work.greetingOf('gus')
  await waitUntil('it runs', async () => (await work.ask(runs)).json().state === 'running')
  const asked = await work.app.inject({ method: 'DELETE', url: runs, headers: { 'x-tenant': 'acme' } })
  assert.equal(asked.statusCode, 202)
  assert.equal((await work.ask(runs, { prefer: 'wait=25' })).json().state, 'cancelled')
  const late = await work.app.inject({ method: 'DELETE', url: runs, headers: { 'x-tenant': 'acme' } })
  assert.equal(late.json().code, 'JOB_ENDED')
})

test('a process that serves requests only leaves the work to others', async () => {
  await using web = await place.running('web')
  const status = await web.greetingOf('hal')
  assert.equal((await web.ask(status, { prefer: 'wait=1' })).json().state, 'waiting')
  await using work = await place.running('work')
  assert.equal((await work.ask(status, { prefer: 'wait=10' })).json().state, 'done')
})

test('jobs need a database, and a path that is one', () => {
  const routes = (): void => {}
  assert.throws(() => defineService({ name: 'x', jobs: [greet], routes }), {
    code: 'SETTING_INVALID',
    message: /service\.jobs must be used with `database/,
  })
  assert.throws(() => defineService({ name: 'x', jobsPath: 'jobs/', routes }), { code: 'SETTING_INVALID' })
})

test('while jobs wait longer than their tier promises, requests that enqueue more are told when to come back', async () => {
  await using web = await place.running('web')
  await web.greetingOf('ida')
  // Nobody works: sooner or later the promise of five seconds is broken. The clock of the database says so.
  await web.app.data.query(`update plimsoll_job set due_at = due_at - interval '1 minute'`)
  await waitUntil('it is known', () => web.app.jobs.pressure.of('within-5s')?.condition === 'unattended')
  const refused = await web.app.inject({ method: 'POST', url: '/greet/jon', headers: { 'x-tenant': 'acme' } })
  assert.equal(refused.statusCode, 503)
  assert.equal(refused.json().code, 'TIER_OVERLOADED')
  assert.match(String(refused.headers['retry-after']), /^\d+$/)
  assert.equal((await web.app.data.query(`select from plimsoll_job where payload like '%jon%'`)).rowCount, 0)
})

test('the API document has the status of jobs', async () => {
  await using environment = await testEnvironment({
    DATABASE_URL: place.database.url,
    PLIMSOLL_ROLE: 'web',
    PLIMSOLL_OPENAPI_PAGE: 'true',
  })
  const { app } = await buildService(place.greeter, environment)
  const { paths } = (await app.inject('/openapi.json')).json() as { paths: Record<string, object> }
  assert.deepEqual(Object.keys(paths).toSorted(), ['/greet/{name}', '/jobs/{id}'])
  const { get } = paths['/jobs/{id}'] as { get: { responses: Record<string, { content: object }> } }
  assert.deepEqual(Object.keys(get.responses['200']!.content), ['application/json', 'text/event-stream'])
})
