import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { exampleUrl } from './example-requests.ts'

test('parameters and what a query requires are taken from the schema', () => {
  assert.equal(exampleUrl({ url: '/products' }), '/products')
  const params = Type.Object({
    id: Type.Integer({ minimum: 5 }),
    kind: Type.Union([Type.Literal('a b'), Type.Literal('c')], { examples: ['a b'] }),
    order: Type.String({ format: 'uuid' }),
  })
  const querystring = Type.Object({
    page: Type.Integer(),
    limit: Type.Integer({ default: 20 }),
    after: Type.Optional(Type.String()),
  })
  assert.equal(
    exampleUrl({ url: '/x/:id/:kind/:order(^[^/]+$)', schema: { params, querystring } }),
    '/x/5/a%20b/00000000-0000-4000-8000-000000000000?page=1'
  )
})

test('a route whose schema does not say enough has no example', () => {
  assert.equal(exampleUrl({ url: '/x/:id' }), undefined)
  assert.equal(
    exampleUrl({ url: '/x/:id', schema: { params: Type.Object({ id: Type.String() }) } }),
    undefined
  )
  assert.equal(exampleUrl({ url: '/files/*' }), undefined)
  const querystring = Type.Object({ q: Type.String() })
  assert.equal(exampleUrl({ url: '/search', schema: { querystring } }), undefined)
})
