import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import pg from 'pg'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { manualClock, Problem, systemClock } from '../../kernel/index.ts'
import {
  Idempotency,
  memoryIdempotencyStore,
  postgresIdempotencyStore,
} from '../../protect/idempotency/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { PipelineOptions } from './options.ts'
import { plimsoll } from './plugin.ts'

type Headers = Record<string, string>

interface Setup {
  readonly app: FastifyInstance
  /** Posts to `/orders`. */
  readonly post: (headers: Headers, payload?: object) => Promise<LightMyRequestResponse>
}

/** An app on keys in memory. */
async function inMemory (t: TestContext, options: PipelineOptions = {}): Promise<Setup> {
  const registry = new MetricsRegistry()
  const { clock = systemClock } = options
  const store = memoryIdempotencyStore({ clock })
  // The store in memory has no transactions, and this app uses none.
  const idempotency = new Idempotency<never>({ store, registry, clock }) as unknown as NonNullable<
    PipelineOptions['idempotency']
  >
  return await setup(t, { admission: false, registry, idempotency, ...options })
}

/** An app on keys in PostgreSQL, with a table of orders. */
async function inPostgres (t: TestContext): Promise<Setup & { readonly pool: pg.Pool }> {
  const database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 4 })
  t.after(async () => {
    await pool.end()
    await database.close()
  })
  await pool.query('CREATE TABLE orders (id serial PRIMARY KEY, item text NOT NULL)')
  const registry = new MetricsRegistry()
  const idempotency = new Idempotency({ store: postgresIdempotencyStore({ pool }), registry })
  return { ...await setup(t, { admission: false, registry, idempotency }), pool }
}

async function setup (t: TestContext, options: PipelineOptions): Promise<Setup> {
  const app = Fastify()
  await app.register(plimsoll, options)
  t.after(async () => {
    await app.close()
    await options.idempotency?.close()
  })
  const post: Setup['post'] = (headers, payload = { item: 'rope' }) =>
    app.inject({ method: 'POST', url: '/orders', headers, payload })
  return { app, post }
}

const required = { config: { idempotency: 'required' } } as const

test('the same key runs once: each repetition gets status, headers and bytes of the first answer', async (t) => {
  const { app, post } = await inMemory(t)
  let runs = 0
  app.post('/orders', required, async (_request, reply) => {
    runs++
    void reply.code(201).header('location', '/orders/7').header('set-cookie', 'session=1')
    return { id: 7, run: runs }
  })
  const first = await post({ 'idempotency-key': '"a"' })
  const again = await post({ 'idempotency-key': '"a"' })
  assert.equal(runs, 1)
  assert.deepEqual([again.statusCode, again.body, again.headers['location']], [201, first.body, '/orders/7'])
  assert.deepEqual([first.headers['idempotent-replayed'], again.headers['idempotent-replayed']], [
    undefined,
    'true',
  ])
  assert.deepEqual([first.headers['set-cookie'], again.headers['set-cookie']], ['session=1', undefined])
  assert.equal(again.headers['content-type'], first.headers['content-type'])
})

test('a missing key is 400, another payload 422, and a tenant never meets the key of another', async (t) => {
  const { app, post } = await inMemory(t, { tenantOf: (request) => request.headers['x-tenant'] as string })
  app.post('/orders', required, async (request) => ({ of: request.context.tenant }))
  assert.equal((await post({})).json().code, 'IDEMPOTENCY_KEY_MISSING')
  assert.equal((await post({ 'idempotency-key': '"a"', 'x-tenant': 'x' })).body, '{"of":"x"}')
  const reused = await post({ 'idempotency-key': '"a"', 'x-tenant': 'x' }, { item: 'tar' })
  assert.deepEqual([reused.statusCode, reused.json().code], [422, 'IDEMPOTENCY_KEY_REUSED'])
  assert.equal((await post({ 'idempotency-key': '"a"', 'x-tenant': 'y' })).body, '{"of":"y"}')
})

test('a failure gives the key back, a refusal by the handler is kept', async (t) => {
  const { app, post } = await inMemory(t)
  let runs = 0
  app.post('/orders', required, async () => {
    runs++
    if (runs === 1) throw new Error('the first try fails')
    throw new Problem({ code: 'NO_SUCH_ITEM', status: 422, title: 'There is no such item' })
  })
  const statuses = []
  for (let at = 0; at < 3; at++) statuses.push((await post({ 'idempotency-key': 'a' })).statusCode)
  assert.deepEqual(statuses, [500, 422, 422])
  assert.equal(runs, 2)
})

test('a replay costs no quota', async (t) => {
  const { app, post } = await inMemory(t)
  app.post('/orders', { config: { idempotency: 'accepted', limit: { perHour: 2 } } }, async () => ({}))
  const statuses = []
  for (const key of ['a', 'a', 'a', 'a', 'b', 'c']) {
    statuses.push((await post({ 'idempotency-key': key })).statusCode)
  }
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429])
})

test('a handler that ends after its deadline leaves an outcome that the next request is told of', async (t) => {
  const clock = manualClock()
  const { app, post } = await inMemory(t, { clock })
  const { promise, resolve } = Promise.withResolvers<object>()
  const { promise: started, resolve: start } = Promise.withResolvers<void>()
  app.post('/orders', { config: { idempotency: 'required', deadline: '1s' } }, () => {
    start()
    return promise
  })
  const late = post({ 'idempotency-key': 'a' })
  await started
  clock.advance(1_100)
  assert.equal((await late).statusCode, 504)
  resolve({ done: true })
  await setImmediate()
  clock.advance(20_000)
  const next = await post({ 'idempotency-key': 'a' })
  assert.deepEqual([next.statusCode, next.json().code], [409, 'IDEMPOTENCY_OUTCOME_UNKNOWN'])
})

test('a handler that fails after its deadline leaves its key free', async (t) => {
  const clock = manualClock()
  const { app, post } = await inMemory(t, { clock })
  const { promise, reject } = Promise.withResolvers<object>()
  const { promise: started, resolve: start } = Promise.withResolvers<void>()
  let runs = 0
  app.post('/orders', { config: { idempotency: 'required', deadline: '1s' } }, async () => {
    if (++runs > 1) return { run: runs }
    start()
    return promise
  })
  const late = post({ 'idempotency-key': 'a' })
  await started
  clock.advance(1_100)
  assert.equal((await late).statusCode, 504)
  reject(new Error('too late'))
  await setImmediate()
  assert.equal((await post({ 'idempotency-key': 'a' })).body, '{"run":2}')
})

test('with request.transaction the answer commits with the rows, or neither does', async (t) => {
  const { app, post, pool } = await inPostgres(t)
  let fails = true
  app.post('/orders', required, async (request, reply) => {
    return request.transaction(async (tx) => {
      const { rows: [row] } = await tx.query('INSERT INTO orders (item) VALUES ($1) RETURNING id', ['rope'])
      if (fails) throw new Error('after the insert')
      void reply.code(201)
      return { id: row.id }
    })
  })
  assert.equal((await post({ 'idempotency-key': 'a' })).statusCode, 500)
  fails = false
  const first = await post({ 'idempotency-key': 'a' })
  const again = await post({ 'idempotency-key': 'a' })
  assert.deepEqual([first.statusCode, again.statusCode, again.body], [201, 201, first.body])
  const { rows: [counted] } = await pool.query('SELECT count(*)::int AS orders FROM orders')
  assert.equal(counted.orders, 1)
})

test('requests that come together get one answer', async (t) => {
  const { app, post, pool } = await inPostgres(t)
  app.post('/orders', required, async (request) =>
    request.transaction(async (tx) => {
      const { rows: [row] } = await tx.query(
        "INSERT INTO orders (item) VALUES ('rope') RETURNING id, pg_sleep(0.05)"
      )
      return { id: row.id }
    }))
  const answers = await Promise.all(Array.from({ length: 8 }, () => post({ 'idempotency-key': 'a' })))
  assert.equal(new Set(answers.map(({ body }) => body)).size, 1)
  assert.deepEqual(answers.map(({ statusCode }) => statusCode), Array.from({ length: 8 }, () => 200))
  assert.equal((await pool.query('SELECT 1 FROM orders')).rowCount, 1)
})

test('without a key, where none is needed, request.transaction is a transaction', async (t) => {
  const { app, post, pool } = await inPostgres(t)
  app.post(
    '/orders',
    { config: { idempotency: 'accepted' } },
    async (request) =>
      request.transaction(async (tx) => {
        await tx.query("INSERT INTO orders (item) VALUES ('rope')")
        if ((request.body as { item: string }).item === 'tar') throw new Error('no')
        return {}
      })
  )
  assert.deepEqual([(await post({})).statusCode, (await post({}, { item: 'tar' })).statusCode], [200, 500])
  assert.equal((await pool.query('SELECT 1 FROM orders')).rowCount, 1)
})

test('a route that asks for keys where none can be kept, or in a wrong way, stops the boot', async (t) => {
  const { app } = await setup(t, { admission: false })
  assert.throws(() => app.post('/orders', required, async () => ({})), {
    code: 'SETTING_INVALID',
    message: /^POST \/orders config\.idempotency must be used where answers can be kept/,
  })
  const { app: other } = await inMemory(t)
  const wrong = { config: { idempotency: 'always' as 'required' } }
  assert.throws(() => other.post('/orders', wrong, async () => ({})), { code: 'SETTING_INVALID' })
})

test('what is kept with the effect is what the client gets: names of the wire, and the fields that it asked for', async (t) => {
  const { app, pool } = await inPostgres(t)
  const Order = { type: 'object', properties: { orderId: { type: 'integer' }, itemName: { type: 'string' } } }
  app.post('/named', {
    schema: { response: { 201: Order } },
    config: { idempotency: 'required', naming: 'snake_case', fields: true },
  }, (request, reply) =>
    request.transaction(async (tx) => {
      const { rows: [row] } = await tx.query<{ id: number }>(
        "insert into orders (item) values ('rope') returning id"
      )
      void reply.code(201)
      return { orderId: row?.id, itemName: 'rope', secret: 'x' }
    }))
  const ask = (query = ''): Promise<LightMyRequestResponse> =>
    app.inject({ method: 'POST', url: `/named${query}`, headers: { 'idempotency-key': '"n"' } })
  const first = await ask()
  assert.deepEqual([first.statusCode, first.json()], [201, { order_id: 1, item_name: 'rope' }])
  const replay = await ask()
  assert.equal(replay.body, first.body)
  assert.equal(replay.headers['idempotent-replayed'], 'true')
  assert.equal((await pool.query('select 1 from orders')).rowCount, 1)
  const other = await app.inject({
    method: 'POST',
    url: '/named?fields=order_id',
    headers: { 'idempotency-key': '"m"' },
  })
  assert.deepEqual(other.json(), { order_id: 2 })
})
