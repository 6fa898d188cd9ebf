import fc from 'fast-check'
import type { FastifyInstance, RouteOptions } from 'fastify'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Type } from 'typebox'
import { SettingError } from '../../kernel/index.ts'
import { MetricsRegistry, renderMetrics } from '../../telemetry/index.ts'
import { packMessage, unpackMessage } from './format/index.ts'
import { payloadMetrics } from './metrics.ts'
import type { RouteShape } from './route-shape.ts'
import type { PayloadSettings } from './settings.ts'
import { finishRoute, shapeRoute } from './shape-route.ts'
import { shapedApp } from './shaped-app.fixture.ts'
import { fieldsOf, formatOf } from './shaping.ts'
import { ApiVersions } from './version/index.ts'

const msgpack = { accept: 'application/vnd.msgpack' }

test('a route that asks for nothing gets nothing', () => {
  const route: RouteOptions = { method: 'GET', url: '/', handler: async () => ({}) }
  const before = { ...route }
  assert.equal(shapeRoute(route, {}, { bodyLimit: 1 }), undefined)
  finishRoute(route, {}, { bodyLimit: 1 })
  assert.deepEqual(route, before)
})

test('an answer is packed for a client that wants MessagePack, HEAD and Vary included', async (t) => {
  const app = shapedApp(t)
  app.get('/', { config: { payload: { formats: ['json', 'msgpack'] } } }, () => ({ id: 7, at: new Date(0) }))
  const answer = await app.inject({ url: '/', headers: msgpack })
  assert.equal(answer.headers['content-type'], 'application/vnd.msgpack')
  assert.equal(answer.headers['content-length'], String(answer.rawPayload.length))
  assert.equal(answer.headers['vary'], 'accept')
  assert.deepEqual(unpackMessage(answer.rawPayload), { id: 7, at: '1970-01-01T00:00:00.000Z' })
  const head = await app.inject({ method: 'HEAD', url: '/', headers: msgpack })
  assert.equal(head.headers['content-type'], 'application/vnd.msgpack')
  assert.equal(head.headers['content-length'], String(answer.rawPayload.length))
  const plain = await app.inject('/')
  assert.equal(plain.headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(plain.headers['vary'], 'accept')
})

test('what nobody can answer in gets 406 with what could be, before the handler', async (t) => {
  const app = shapedApp(t)
  let runs = 0
  app.get('/', { config: { payload: { formats: ['json', 'msgpack'] } } }, () => ({ runs: ++runs }))
  const answer = await app.inject({ url: '/', headers: { accept: 'image/png' } })
  assert.equal(answer.statusCode, 406)
  assert.equal(answer.headers['content-type'], 'application/problem+json')
  assert.equal(answer.headers['vary'], 'accept')
  assert.equal(answer.json().code, 'NOT_ACCEPTABLE')
  assert.ok(answer.json().acceptable.includes('application/json'))
  assert.equal(runs, 0)
})

test('a failure is a problem in JSON, whatever the client wants', async (t) => {
  const app = shapedApp(t)
  app.get('/', { config: { payload: { formats: ['msgpack'] } } }, () => {
    throw new Error('broken')
  })
  const answer = await app.inject({ url: '/', headers: msgpack })
  assert.equal(answer.statusCode, 500)
  assert.equal(answer.headers['content-type'], 'application/problem+json')
})

test('a handler can write a format itself, and hears which one is wanted', async (t) => {
  const app = shapedApp(t)
  app.get(
    '/',
    { config: { payload: { formats: ['json', 'text/csv'] } } },
    (request, reply) =>
      formatOf(request) === 'text/csv' ? reply.type('text/csv').send('id\n7\n') : reply.send({ id: 7 })
  )
  assert.equal((await app.inject({ url: '/', headers: { accept: 'text/csv' } })).body, 'id\n7\n')
  assert.deepEqual((await app.inject('/')).json(), { id: 7 })
})

test('a body in MessagePack is read and validated where the route takes it, elsewhere it gets 415', async (t) => {
  const app = shapedApp(t)
  const schema = { body: Type.Object({ name: Type.String() }) }
  app.post(
    '/takes',
    { schema, config: { payload: { formats: ['json', 'msgpack'] } } },
    (request) => request.body
  )
  app.post('/takes-not', { schema }, (request) => request.body)
  const post = (url: string, body: unknown, type = 'application/vnd.msgpack') =>
    app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': type },
      payload: Buffer.from(packMessage(body)),
    })
  for (const type of ['application/vnd.msgpack', 'application/msgpack', 'application/x-msgpack']) {
    assert.deepEqual((await post('/takes', { name: 'n' }, type)).json(), { name: 'n' })
  }
  assert.equal((await post('/takes', { name: [] })).statusCode, 400)
  assert.equal((await post('/takes-not', { name: 'n' })).statusCode, 415)
  const malformed = await app.inject({
    method: 'POST',
    url: '/takes',
    headers: { 'content-type': 'application/msgpack' },
    payload: Buffer.from([0x81]),
  })
  assert.equal(malformed.json().code, 'MALFORMED_MESSAGE_PACK')
})

test('MessagePack holds what JSON holds and nothing more, for any schema and any document', async (t) => {
  const name = fc.constantFrom('a', 'b', 'c', 'secret')
  const schemas = fc.letrec<{ node: object }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom({ type: 'string' }, { type: 'number' }, { type: 'integer' }, { type: 'boolean' }, {}),
      fc.record({
        type: fc.constant('object'),
        properties: fc.dictionary(name, tie('node'), { maxKeys: 3 }),
        additionalProperties: fc.constantFrom(undefined, false, true, { type: 'string' }),
      }).map((schema) => JSON.parse(JSON.stringify(schema)) as object),
      fc.record({ type: fc.constant('array'), items: tie('node') })
    ),
  })).node
  const documents = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>('text', 1, 2.5, -3, true, null, 12_345_678_901n, new Date(1e12)),
      fc.dictionary(name, tie('value'), { maxKeys: 4 }),
      fc.array(tie('value'), { maxLength: 3 })
    ),
  })).value
  await fc.assert(
    fc.asyncProperty(schemas, documents, async (schema, document) => {
      const app = shapedApp(t)
      app.get('/', {
        schema: { response: { 200: { type: 'object', properties: { it: schema } } } },
        config: { payload: { formats: ['json', 'msgpack'] } },
      }, () => ({ it: document, password: 'never' }))
      const json = await app.inject('/')
      const packed = await app.inject({ url: '/', headers: msgpack })
      assert.equal(packed.statusCode, json.statusCode)
      if (json.statusCode === 200) assert.deepEqual(unpackMessage(packed.rawPayload), json.json())
      await app.close()
    }),
    { numRuns: 60 }
  )
})

test('a packed answer is compressed once, after it was packed', async (t) => {
  const app = shapedApp(t)
  app.get('/', { config: { payload: { formats: ['json', 'msgpack'], compress: true } } }, () => ({
    items: Array.from({ length: 200 }, (_, id) => ({ id, text: `item number ${id}` })),
  }))
  const answer = await app.inject({ url: '/', headers: { ...msgpack, 'accept-encoding': 'gzip' } })
  assert.equal(answer.headers['content-encoding'], 'gzip')
  assert.equal(answer.headers['vary'], 'accept, accept-encoding')
  const { items } = unpackMessage(gunzipSync(answer.rawPayload)) as { items: unknown[] }
  assert.equal(items.length, 200)
})

const price = Type.Object({ amount: Type.Integer(), currency: Type.String() })
const product = Type.Object({
  id: Type.Integer(),
  name: Type.String(),
  price,
  tags: Type.Array(Type.Object({ key: Type.String(), value: Type.String() })),
})
const whole = {
  id: 1,
  name: 'n',
  price: { amount: 5, currency: 'EUR' },
  tags: [{ key: 'k', value: 'v' }],
  secret: 'never',
}

function fieldsApp (
  t: TestContext,
  fields: NonNullable<PayloadSettings['fields']> = true,
  more: PayloadSettings = {}
): FastifyInstance {
  const app = shapedApp(t)
  app.get('/', {
    schema: {
      querystring: Type.Object({ x: Type.Optional(Type.String()) }, { additionalProperties: false }),
      response: { 200: product },
    },
    config: { payload: { ...more, fields } },
  }, () => whole)
  return app
}

test('fields cut the answer, below objects and through arrays, in the order of the schema', async (t) => {
  const app = fieldsApp(t)
  const rows: readonly (readonly [query: string, text: string])[] = [
    ['id', '{"id":1}'],
    ['name,id', '{"id":1,"name":"n"}'],
    ['price', '{"price":{"amount":5,"currency":"EUR"}}'],
    ['price.amount', '{"price":{"amount":5}}'],
    ['price.amount,price', '{"price":{"amount":5,"currency":"EUR"}}'],
    ['price,price.amount', '{"price":{"amount":5,"currency":"EUR"}}'],
    ['tags.key', '{"tags":[{"key":"k"}]}'],
    ['id, name', '{"id":1,"name":"n"}'],
  ]
  for (const [fields, text] of rows) {
    // Often enough for the mask to get a serializer of its own.
    for (let use = 0; use < 20; use++) {
      const answer = await app.inject({ url: '/', query: { fields } })
      assert.equal(answer.body, text, `${fields}, use ${use}`)
      assert.equal(answer.headers['content-length'], String(text.length))
    }
  }
  const all = await app.inject('/')
  assert.deepEqual(Object.keys(all.json()), ['id', 'name', 'price', 'tags'])
})

test('fields that are not in the schema, or cannot be read, get 400 and never more than the schema has', async (t) => {
  const app = fieldsApp(t)
  for (
    const fields of [
      'secret',
      'id,nothing',
      'price.none',
      'id.below',
      'tags.none',
      '__proto__',
      'constructor',
    ]
  ) {
    const answer = await app.inject({ url: '/', query: { fields } })
    assert.equal(answer.statusCode, 400, fields)
    assert.equal(answer.json().code, 'UNKNOWN_FIELD')
  }
  assert.match(
    (await app.inject('/?fields=price.none')).json().detail,
    /"price\.none"; there are amount, currency/
  )
  for (
    const fields of [
      '',
      ',',
      'a..b',
      '.',
      'a b',
      '*',
      'x'.repeat(1_001),
      'a.'.repeat(8) + 'a',
      Array(101).fill('id').join(),
    ]
  ) {
    const answer = await app.inject({ url: '/', query: { fields } })
    assert.equal(answer.json().code, 'MALFORMED_FIELDS', fields)
  }
})

test('no fields make it fail', async (t) => {
  const app = fieldsApp(t)
  const piece = fc.oneof(
    fc.constantFrom('id', 'price', 'amount', 'tags', 'key', '.', ',', '__proto__'),
    fc.string()
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
      const { statusCode, body } = await app.inject({ url: '/', query: { fields: pieces.join('') } })
      assert.ok(statusCode === 200 || statusCode === 400, `${statusCode}`)
      assert.ok(!body.includes('never'))
    }),
    { numRuns: 150 }
  )
})

test('a handler that reads only what was asked for may leave the rest out', async (t) => {
  const app = shapedApp(t)
  app.get(
    '/',
    { schema: { response: { 200: product } }, config: { payload: { fields: true } } },
    (request) => {
      const mask = fieldsOf(request)
      return mask === undefined ? whole : { id: 1, ...mask.has('name') ? { name: 'n' } : {} }
    }
  )
  for (let use = 0; use < 20; use++) {
    assert.equal((await app.inject('/?fields=name')).body, '{"name":"n"}')
    assert.equal((await app.inject('/?fields=id')).body, '{"id":1}')
  }
})

test('what is always sent is sent, and fields can be named from a member on', async (t) => {
  const always = fieldsApp(t, { always: ['id', 'price.currency'] })
  assert.deepEqual((await always.inject('/?fields=name')).json(), {
    id: 1,
    name: 'n',
    price: { currency: 'EUR' },
  })
  const app = shapedApp(t)
  app.get('/', {
    schema: { response: { 200: Type.Object({ items: Type.Array(product), next: Type.String() }) } },
    config: { payload: { fields: { under: 'items', always: ['id'] } } },
  }, () => ({ items: [whole, whole], next: 'token' }))
  for (let use = 0; use < 20; use++) {
    const answer = await app.inject('/?fields=price.amount')
    assert.deepEqual(answer.json(), {
      items: [{ id: 1, price: { amount: 5 } }, { id: 1, price: { amount: 5 } }],
      next: 'token',
    })
  }
})

test('fields, MessagePack and HEAD go together', async (t) => {
  const app = fieldsApp(t, true, { formats: ['json', 'msgpack'] })
  for (let use = 0; use < 20; use++) {
    const answer = await app.inject({ url: '/?fields=price.amount', headers: msgpack })
    assert.deepEqual(unpackMessage(answer.rawPayload), { price: { amount: 5 } })
    const head = await app.inject({ method: 'HEAD', url: '/?fields=price.amount', headers: msgpack })
    assert.equal(head.headers['content-length'], String(answer.rawPayload.length))
  }
})

test('answers of another status than that of the fields are sent whole', async (t) => {
  const app = shapedApp(t)
  app.get('/', {
    schema: { response: { 200: product, 202: Type.Object({ state: Type.String(), id: Type.Integer() }) } },
    config: { payload: { fields: true } },
  }, (_request, reply) => reply.code(202).send({ id: 1, state: 'queued' }))
  assert.deepEqual((await app.inject('/?fields=id')).json(), { id: 1, state: 'queued' })
})

test('alternatives in a schema are cut as well', async (t) => {
  const app = shapedApp(t)
  const cat = Type.Object({ kind: Type.Literal('cat'), lives: Type.Integer(), secret: Type.String() })
  const dog = Type.Object({ kind: Type.Literal('dog'), tricks: Type.Array(Type.String()) })
  app.get('/:kind', {
    schema: { response: { 200: Type.Object({ pet: Type.Union([cat, dog]) }) } },
    config: { payload: { fields: true } },
  }, (request) => ({
    pet: (request.params as { kind: string }).kind === 'cat' ?
      { kind: 'cat', lives: 7, secret: 's' } :
      { kind: 'dog', tricks: ['sit'] },
  }))
  for (let use = 0; use < 20; use++) {
    assert.deepEqual((await app.inject('/cat?fields=pet.lives,pet.tricks')).json(), { pet: { lives: 7 } })
    assert.deepEqual((await app.inject('/dog?fields=pet.lives,pet.tricks')).json(), {
      pet: { tricks: ['sit'] },
    })
  }
})

test('fields need a response schema, and what is always sent has to be in it', (t) => {
  const app = shapedApp(t)
  assert.throws(() => app.get('/', { config: { payload: { fields: true } } }, () => ({})), SettingError)
  assert.throws(() => fieldsApp(t, { always: ['none'] }), SettingError)
  assert.throws(() => fieldsApp(t, { under: 'none' }), SettingError)
})

test('wrong settings stop the boot and name the route', (t) => {
  const wrong: readonly PayloadSettings[] = [
    { compress: 'yes' as never },
    { compress: { codings: [] } },
    { compress: { codings: ['deflate' as never] } },
    { compress: { floor: 'big' as never } },
    { formats: [] },
    { respondAsync: 1 as never },
    { versions: 'no' as never },
  ]
  for (const payload of wrong) {
    const app = shapedApp(t)
    assert.throws(() => app.get('/here', { config: { payload } }, () => ({})), /GET \/here/)
  }
})

test('the variant tells answers apart, and only those', () => {
  const route: RouteOptions = {
    method: 'GET',
    url: '/',
    schema: { response: { 200: product } },
    handler: async () => ({}),
  }
  const shape = shapeRoute(route, { formats: ['json', 'msgpack'], fields: true }, { bodyLimit: 1 })
  const variant = (query: object, accept?: string): unknown =>
    shape?.read({ query, headers: { accept } } as never).variant
  assert.equal(variant({}), '')
  assert.equal(variant({}, 'text/html, */*'), '')
  assert.equal(variant({ fields: 'name,id' }), variant({ fields: 'id, name' }))
  assert.equal(variant({ fields: 'price.amount,price' }), variant({ fields: 'price' }))
  const all = [
    variant({}),
    variant({ fields: 'id' }),
    variant({ fields: 'name' }),
    variant({}, 'application/msgpack'),
    variant({}, 'application/vnd.msgpack'),
    variant({ fields: 'id' }, 'application/msgpack'),
  ]
  assert.equal(new Set(all).size, all.length)
})

test('an answer can be written before it is sent, and is then sent as it was written', async (t) => {
  const app = shapedApp(t)
  const rows = Type.Object({ rowId: Type.Integer(), shortText: Type.String() })
  const written: unknown[] = []
  const settings: PayloadSettings = { naming: 'snake_case', fields: true, formats: ['json', 'msgpack'] }
  let shape: RouteShape | undefined
  app.addHook('onRoute', (route) => {
    // Beside that of the fixture, which works on a route without settings here.
    if (route.method === 'GET') shape = shapeRoute(route, settings, { bodyLimit: 1 })
  })
  app.get('/', { schema: { response: { 200: rows } } }, (request, reply) => {
    const document = { rowId: 1, shortText: 's', secret: 'never' }
    written.push(shape?.write(request, reply, document))
    return document
  })
  for (
    const [url, accept] of [['/', '*/*'], ['/?fields=row_id', '*/*'], [
      '/?fields=row_id',
      'application/msgpack',
    ]] as const
  ) {
    const answer = await app.inject({ url, headers: { accept } })
    assert.equal(answer.statusCode, 200, answer.body)
    const { headers, body } = written.pop() as { headers: Record<string, string>; body: string | Buffer }
    assert.deepEqual(Buffer.from(body), answer.rawPayload)
    assert.equal(headers['content-type'], answer.headers['content-type'])
  }
  assert.equal((await app.inject('/')).body, '{"row_id":1,"short_text":"s"}')
})

test('the description says which formats and versions there are', () => {
  const versions = new ApiVersions({ first: '2026-01-01', changes: [] })
  const route: RouteOptions = { method: 'GET', url: '/', handler: async () => ({}) }
  const described = shapeRoute(route, { formats: ['json', 'text/csv'] }, { bodyLimit: 1, versions })
    ?.describe()
  assert.match(described?.text ?? '', /application\/json, text\/csv.*`api-version`.*2026-01-01/)
  assert.deepEqual(Object.keys(described?.headers ?? {}), ['api-version'])
  assert.deepEqual(Object.keys(described?.responses ?? {}), ['406'])
})

test('compressed bodies are counted by coding', async (t) => {
  const registry = new MetricsRegistry()
  const app = shapedApp(t, { onEncoded: payloadMetrics(registry) })
  app.get('/', { config: { payload: { compress: true } } }, () => ({ text: 'words '.repeat(1_000) }))
  const { rawPayload } = await app.inject({ url: '/', headers: { 'accept-encoding': 'br' } })
  let text = ''
  for await (const chunk of renderMetrics(registry.snapshot(), 'prometheus')) text += chunk
  assert.match(text, /plimsoll_encoded_bodies_total\{coding="br"\} 1\n/)
  assert.ok(
    text.includes(`plimsoll_encoded_bytes_before_total{coding="br"} ${'{"text":""}'.length + 6_000}\n`)
  )
  assert.ok(text.includes(`plimsoll_encoded_bytes_after_total{coding="br"} ${rawPayload.length}\n`))
})
