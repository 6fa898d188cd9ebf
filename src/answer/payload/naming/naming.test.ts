import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Type } from 'typebox'
import { SettingError } from '../../../kernel/index.ts'
import { unpackMessage } from '../format/index.ts'
import { shapedApp } from '../shaped-app.fixture.ts'
import { fieldsOf } from '../shaping.ts'
import { compileNaming } from './route-naming.ts'
import { toCamelCase, toSnakeCase } from './word-case.ts'

const rows: readonly (readonly [camel: string, snake: string])[] = [
  ['orderId', 'order_id'],
  ['id', 'id'],
  ['line2Text', 'line2_text'],
  ['aB', 'a_b'],
]

for (const [camel, snake] of rows) {
  test(`${camel} and ${snake} are one name`, () => {
    assert.equal(toSnakeCase(camel), snake)
    assert.equal(toCamelCase(snake), camel)
  })
}

test('runs of capitals are one word, and underscores at the ends stay', () => {
  assert.equal(toSnakeCase('URLPath'), 'url_path')
  assert.equal(toSnakeCase('parseURL'), 'parse_url')
  assert.equal(toSnakeCase('_rowId'), '_row_id')
  assert.equal(toCamelCase('_row_id'), '_rowId')
  assert.equal(toCamelCase('x_y_z'), 'xYZ')
})

const order = Type.Object({
  orderId: Type.Integer(),
  shipTo: Type.Object({ postCode: Type.String() }),
  orderLines: Type.Array(Type.Object({ itemCount: Type.Integer() })),
  labelTexts: Type.Record(Type.String(), Type.Object({ shortText: Type.String() })),
})

const document = {
  orderId: 1,
  shipTo: { postCode: 'x' },
  orderLines: [{ itemCount: 2 }],
  labelTexts: { keyIsData: { shortText: 's' } },
}

const wire = {
  order_id: 1,
  ship_to: { post_code: 'x' },
  order_lines: [{ item_count: 2 }],
  label_texts: { keyIsData: { short_text: 's' } },
}

function namedApp (t: TestContext): { readonly app: FastifyInstance; readonly seen: unknown[] } {
  const app = shapedApp(t)
  const seen: unknown[] = []
  app.post('/orders', {
    schema: {
      body: order,
      querystring: Type.Object({ dryRun: Type.Optional(Type.Boolean()) }),
      response: { 200: order },
    },
    config: { payload: { naming: 'snake_case', fields: true, formats: ['json', 'msgpack'] } },
  }, (request) => {
    seen.push(request.body, { ...request.query as object }, fieldsOf(request)?.paths)
    return { ...document, secret: 'never' }
  })
  return { app, seen }
}

test('body and query reach the handler in its names, and its answer the wire in those of the wire', async (t) => {
  const { app, seen } = namedApp(t)
  const answer = await app.inject({ method: 'POST', url: '/orders?dry_run=true', payload: wire })
  assert.deepEqual(seen, [document, { dryRun: true }, undefined])
  assert.deepEqual(answer.json(), wire)
})

test('a validation error names what is on the wire', async (t) => {
  const { app } = namedApp(t)
  const answer = await app.inject({ method: 'POST', url: '/orders', payload: { ...wire, ship_to: {} } })
  assert.equal(answer.statusCode, 400)
  assert.match(answer.json().message, /body\/ship_to must have required property 'post_code'/)
  const camel = await app.inject({ method: 'POST', url: '/orders', payload: document })
  assert.equal(camel.statusCode, 400)
})

test('fields are named as on the wire, and the handler has them in its names', async (t) => {
  const { app, seen } = namedApp(t)
  for (let use = 0; use < 20; use++) {
    const answer = await app.inject({
      method: 'POST',
      url: '/orders?fields=ship_to.post_code',
      payload: wire,
    })
    assert.deepEqual(answer.json(), { ship_to: { post_code: 'x' } })
  }
  assert.deepEqual(seen[2], ['shipTo.postCode'])
  const camel = await app.inject({ method: 'POST', url: '/orders?fields=shipTo', payload: wire })
  assert.equal(camel.statusCode, 400)
})

test('MessagePack has the names of the wire', async (t) => {
  const { app } = namedApp(t)
  const headers = { accept: 'application/msgpack' }
  const answer = await app.inject({ method: 'POST', url: '/orders', payload: wire, headers })
  assert.deepEqual(unpackMessage(answer.rawPayload), wire)
})

test('the route has the schemas of the wire, for its API description', async (t) => {
  const app = shapedApp(t)
  const schemas: unknown[] = []
  app.addHook('onRoute', ({ schema }) => {
    schemas.push(schema)
  })
  app.post('/', { schema: { body: order }, config: { payload: { naming: 'snake_case' } } }, () => ({}))
  const { body } = schemas[0] as { body: typeof order }
  assert.deepEqual(Object.keys(body.properties), Object.keys(wire))
  assert.deepEqual(body.required, Object.keys(wire))
  // The declaration itself is as it was: other routes may have it, too.
  assert.deepEqual(Object.keys(order.properties), Object.keys(document))
})

test('the other way round: a handler in snake_case and a wire in camelCase', async (t) => {
  const app = shapedApp(t)
  const row = Type.Object({ order_id: Type.Integer() })
  app.get('/', { schema: { response: { 200: row } }, config: { payload: { naming: 'camelCase' } } }, () => ({
    order_id: 1,
  }))
  assert.equal((await app.inject('/')).body, '{"orderId":1}')
})

test('alternatives, references and cyclic schemas are renamed as well', () => {
  const node = {
    $defs: {
      treeNode: {
        type: 'object',
        properties: {
          nodeName: { type: 'string' },
          subNodes: { type: 'array', items: { $ref: '#/$defs/treeNode' } },
        },
      },
    },
    anyOf: [{ $ref: '#/$defs/treeNode' }, { type: 'object', properties: { leafName: { type: 'string' } } }],
  }
  const { responses } = compileNaming({ response: { 200: node } }, 'snake_case', 'naming')
  const rename = responses.get('200')
  assert.deepEqual(rename?.({ nodeName: 'a', subNodes: [{ nodeName: 'b', subNodes: [] }] }), {
    node_name: 'a',
    sub_nodes: [{ node_name: 'b', sub_nodes: [] }],
  })
  assert.deepEqual(rename?.({ leafName: 'x' }), { leaf_name: 'x' })
})

test('what stays is not renamed: keys without a schema, values, documents that write themselves', () => {
  const { responses } = compileNaming(
    { response: { '2xx': order, default: { type: 'string' } } },
    'snake_case',
    'n'
  )
  const rename = responses.get('2xx')
  assert.deepEqual(rename?.({ orderId: 'orderId', notInSchema: { orderId: 1 } }), {
    order_id: 'orderId',
    notInSchema: { orderId: 1 },
  })
  assert.deepEqual(rename?.({ toJSON: () => ({ orderId: 5 }) }), { order_id: 5 })
  assert.equal(responses.get('default'), undefined)
  const polluting = JSON.parse('{"orderId":1,"__proto__":{"polluted":true}}') as object
  assert.equal(Reflect.get(Object(rename?.(polluting)), 'polluted'), undefined)
})

test('two names that would be one on the wire, and schemas from elsewhere, stop the boot', () => {
  const twins = Type.Object({ orderId: Type.String(), order_id: Type.String() })
  assert.throws(() => compileNaming({ body: twins }, 'snake_case', 'naming'), /orderId and order_id/)
  const elsewhere = { type: 'object', properties: { a: { $ref: 'other#' } } }
  assert.throws(() => compileNaming({ body: elsewhere }, 'snake_case', 'naming'), SettingError)
  assert.throws(() => compileNaming({ body: order }, 'kebab-case' as never, 'naming'), SettingError)
})

test('there and back is the same document', () => {
  const { schema, body, responses } = compileNaming(
    { body: order, response: { 200: order } },
    'snake_case',
    'naming'
  )
  assert.notEqual(schema, undefined)
  const documents = fc.record({
    orderId: fc.integer(),
    shipTo: fc.record({ postCode: fc.string() }),
    orderLines: fc.array(fc.record({ itemCount: fc.integer() })),
    labelTexts: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.record({ shortText: fc.string() })),
  }, { noNullPrototype: true })
  fc.assert(fc.property(documents, (given) => {
    assert.deepEqual(
      JSON.parse(JSON.stringify(body?.(responses.get('200')?.(given)))),
      JSON.parse(JSON.stringify(given))
    )
  }))
})
