import type { FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Type } from 'typebox'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { openListener } from '../listen/index.ts'
import { buildApp } from './build.ts'
import { testEnvironment } from './environment.fixture.ts'
import { defineService, serviceOfPlugin } from './service.ts'

test('routes get problems, request ids and metrics without asking', async () => {
  await using environment = await testEnvironment()
  const app = await buildApp(
    defineService({ name: 'x', routes: (app) => void app.get('/', async () => 'hi') }),
    environment
  )
  const answer = await app.inject('/')
  assert.equal(answer.body, 'hi')
  assert.ok(answer.headers['x-request-id'])
  assert.equal((await app.inject('/nope')).json().code, 'ROUTE_NOT_FOUND')
})

test('a plain Fastify plugin is served the same way', async () => {
  await using environment = await testEnvironment()
  const plugin = serviceOfPlugin('x', async (app: FastifyInstance) => void app.get('/', async () => 'hi'))
  const app = await buildApp(plugin, environment)
  assert.equal((await app.inject('/')).body, 'hi')
  assert.equal((await app.inject('/nope')).json().code, 'ROUTE_NOT_FOUND')
})

test("app.data is the service's own schema, migrated and seeded before warm runs", async () => {
  await using database = await testDatabase()
  const directory = await mkdtemp(join(tmpdir(), 'plimsoll-build-'))
  await writeFile(join(directory, '0001_note.sql'), 'create table note (id int primary key, text text);')
  await writeFile(join(directory, 'seed.sql'), "insert into note values (1, 'first');")
  const migrations = pathToFileURL(`${directory}/`)
  const warmed: unknown[] = []
  const service = defineService({
    name: 'notes',
    database: { schema: 'notes', migrations, seed: new URL('seed.sql', migrations) },
    routes: (app) => void app.get('/', async () => (await app.data.query('select text from note')).rows),
    warm: async (app) =>
      void warmed.push((await app.data.query('select count(*)::int as n from note')).rows[0]),
  })
  const env = { PLIMSOLL_DATABASE_URL: database.url, PLIMSOLL_DATABASE_SEED: 'always' }
  {
    await using environment = await testEnvironment(env)
    const app = await buildApp(service, environment)
    assert.deepEqual((await app.inject('/')).json(), [{ text: 'first' }])
    assert.deepEqual(warmed, [{ n: 1 }])
    assert.ok(environment.progress.some((message) => message.includes('0001_note.sql')))
    environment.health.started()
    assert.equal((await environment.health.ready()).checks['postgres']?.status, 'pass')
  }
  await rm(directory, { recursive: true })
})

test('a database that the settings do not name stops the boot and says what to set', async () => {
  await using environment = await testEnvironment()
  const service = defineService({
    name: 'notes',
    database: { schema: 'notes', migrations: new URL('./', import.meta.url) },
    routes: () => {},
  })
  await assert.rejects(buildApp(service, environment), {
    code: 'SETTING_INVALID',
    message: /^database\.url must be the URL of a PostgreSQL, since the service "notes" declares a database/,
  })
})

test('what the service did not declare says how to declare it', async () => {
  await using environment = await testEnvironment()
  const service = defineService({
    name: 'x',
    routes: (app) => void app.get('/', async () => app.data.query('select 1')),
  })
  const app = await buildApp(service, environment)
  assert.throws(() => app.data, /app\.data is there when the service declares it: defineService\(\{ database/)
  assert.equal((await app.inject('/')).statusCode, 500)
})

test('a schema that cannot compile stops the boot and names the route', async () => {
  await using environment = await testEnvironment()
  const service = defineService({
    name: 'x',
    routes: (app) =>
      void app.post('/orders', { schema: { body: { type: 'nonsense' } as never } }, async () => ({})),
  })
  await assert.rejects(buildApp(service, environment), {
    code: 'SERVICE_FAILED',
    message: /^the service "x" failed to start: .*POST.*\/orders/s,
  })
})

test('an unknown field is refused where the schema closes the object', async () => {
  await using environment = await testEnvironment()
  const body = Type.Object({ a: Type.Integer() }, { additionalProperties: false })
  const service = defineService({
    name: 'x',
    routes: (app) => void app.post('/', { schema: { body } }, async () => ({})),
  })
  const app = await buildApp(service, environment)
  const answer = await app.inject({ method: 'POST', url: '/', payload: { a: 1, b: 2 } })
  assert.equal(answer.statusCode, 400)
  assert.match(answer.json().detail, /must NOT have additional properties: b/)
})

test('a service says which headers of its answers are kept with their keys', async () => {
  await using database = await testDatabase()
  await using environment = await testEnvironment({ DATABASE_URL: database.url })
  const migrations = pathToFileURL(`${await mkdtemp(join(tmpdir(), 'plimsoll-none-'))}/`)
  const app = await buildApp(
    defineService({
      name: 'orders',
      database: { schema: 'orders', migrations },
      idempotency: { keepHeaders: ['x-order-version'], strict: true },
      routes (app) {
        app.post('/orders', { config: { idempotency: 'required' } }, async (_request, reply) => {
          reply.header('x-order-version', '7')
          return {}
        })
      },
    }),
    environment
  )
  const ask = (key: string) =>
    app.inject({ method: 'POST', url: '/orders', headers: { 'idempotency-key': key } })
  await ask('"one"')
  const { headers } = await ask('"one"')
  assert.deepEqual([headers['idempotent-replayed'], headers['x-order-version']], ['true', '7'])
  assert.equal((await ask('one')).json().code, 'IDEMPOTENCY_KEY_INVALID')
})

test('the API document is OpenAPI 3.1, with every route and the problem that each can answer', async () => {
  await using environment = await testEnvironment({ PLIMSOLL_OPENAPI_PAGE: 'true' })
  const params = Type.Object({ id: Type.Integer() })
  const service = defineService({
    name: 'things',
    version: '2.1.0',
    routes: (app) =>
      void app.get('/things/:id', { schema: { params } }, async ({ params }) => ({ id: params.id })),
  })
  const app = await buildApp(service, environment)
  const document = (await app.inject('/openapi.json')).json()
  assert.equal(document.openapi, '3.1.0')
  assert.deepEqual(document.info, { title: 'things', version: '2.1.0' })
  assert.deepEqual(Object.keys(document.paths), ['/things/{id}'])
  assert.deepEqual(document.paths['/things/{id}'].get.responses.default, {
    $ref: '#/components/responses/Problem',
  })
  assert.ok(document.components.responses.Problem.content['application/problem+json'])
  assert.match((await app.inject('/docs/')).body, /swagger/i)
})

test('the API document tells the limits of a route, and how exceeding one is answered', async () => {
  await using environment = await testEnvironment({ PLIMSOLL_OPENAPI_PAGE: 'true' })
  const service = defineService({
    name: 'things',
    routes (app) {
      const schema = { description: 'All things.', response: { 200: Type.Object({}) } }
      app.get('/things', { schema, config: { limit: { perMinute: 60, name: 'reads' } } }, async () => ({}))
      app.get('/free', async () => ({}))
    },
  })
  const app = await buildApp(service, environment)
  const { paths } = (await app.inject('/openapi.json')).json()
  const { get } = paths['/things']
  assert.match(get.description, /^All things\.\n\nLimit reads: 60 in 60 s per client\.$/)
  assert.deepEqual(get['x-rate-limits'], [{
    name: 'reads',
    kind: 'rate',
    limit: 60,
    windowSeconds: 60,
    by: 'client',
  }])
  assert.deepEqual(Object.keys(get.responses), ['200', '429', 'default'])
  assert.ok(get.responses['429'].headers['retry-after'])
  assert.ok(get.responses['429'].content['application/problem+json'].schema.properties.rule)
  assert.deepEqual(Object.keys(paths['/free'].get.responses), ['200', 'default'])
  assert.equal((await app.inject('/things')).statusCode, 200)
})

test('readiness stands on the checks that the service adds', async () => {
  await using environment = await testEnvironment()
  let open = false
  const service = defineService({
    name: 'x',
    routes: (app) => {
      app.health.addCheck({
        name: 'shutter',
        run: async () => {
          if (!open) throw new Error('closed')
        },
      })
    },
  })
  await buildApp(service, environment)
  environment.health.started()
  assert.equal((await environment.health.ready()).status, 'fail')
  open = true
  const fresh = await testEnvironment()
  await buildApp(service, fresh)
  fresh.health.started()
  assert.equal((await fresh.health.ready()).status, 'pass')
  await fresh[Symbol.asyncDispose]()
})

test('what never becomes a request is a problem document too: headers too large, not HTTP', async () => {
  await using environment = await testEnvironment()
  const service = defineService({ name: 'x', routes: (app) => void app.get('/', async () => 'hi') })
  const listener = openListener({ addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }] })
  await buildApp(service, { ...environment, listener })
  const [bound] = await listener.listen()
  assert.ok(bound?.kind === 'tcp')
  const answerTo = async (bytes: string): Promise<string> => {
    const socket = connect(bound.port, '127.0.0.1')
    socket.write(bytes)
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    return text
  }
  const large = await answerTo(`GET / HTTP/1.1\r\nhost: x\r\nx-large: ${'x'.repeat(20_000)}\r\n\r\n`)
  assert.match(large, /^HTTP\/1\.1 431 .*application\/problem\+json.*"code":"HEADERS_TOO_LARGE"/s)
  const nonsense = await answerTo('nonsense\r\n\r\n')
  assert.match(nonsense, /^HTTP\/1\.1 400 .*application\/problem\+json.*"code":"MALFORMED_REQUEST"/s)
  await listener.drain({ graceMs: 1_000, idleMs: 0 })
})
