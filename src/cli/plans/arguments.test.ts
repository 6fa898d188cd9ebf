import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Arguments } from '../command.ts'
import type { Surroundings } from '../surroundings.ts'
import { type PlansRequest, readPlansArguments } from './arguments.ts'

function read (options: Arguments['options']): PlansRequest {
  return readPlansArguments({ operand: undefined, options, settings: {} }, { directory: '/' } as Surroundings)
}

test('requests and sizes are lists, and a comma inside a URL stays', () => {
  const { urls, assume } = read({
    routes: ['GET /products/1,GET /products?ids=1,2', '/orders'],
    assume: ['product=1e6, shop."the order"=50000'],
  })
  assert.deepEqual(urls, ['/products/1', '/products?ids=1,2', '/orders'])
  assert.deepEqual(assume, { product: { rows: 1_000_000 }, 'shop."the order"': { rows: 50_000 } })
})

test('without flags each route is asked, and nothing is compared', () => {
  assert.deepEqual(read({}), {
    urls: undefined,
    statements: undefined,
    file: undefined,
    write: false,
    assume: undefined,
    prove: false,
  })
  assert.equal(read({ write: true }).file, 'plans.json')
  assert.equal(read({ write: true, check: 'other.json' }).file, 'other.json')
})

test('what cannot be is refused', () => {
  for (const routes of [['POST /orders'], ['products'], ['GET /a b']]) {
    assert.throws(() => read({ routes }), { code: 'SETTING_INVALID' })
  }
  for (const assume of [['product'], ['product=many'], ['product=0'], ['a b=5']]) {
    assert.throws(() => read({ assume }), { code: 'SETTING_INVALID' })
  }
  assert.throws(() => read({ routes: ['/'], statements: 'x.sql' }), { code: 'USAGE' })
  assert.throws(() => read({ statements: 'nowhere/x.sql' }), { code: 'USAGE', message: /cannot be read/ })
})
