import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fingerprint, type FingerprintInput, lookupKey } from './fingerprint.ts'

const order: FingerprintInput = {
  tenant: 'acme',
  method: 'POST',
  target: '/orders?dry=1',
  body: { items: [{ sku: 'a', count: 1 }], note: null },
}

function hexOf (change: Partial<FingerprintInput> = {}): string | undefined {
  return fingerprint({ ...order, ...change })?.toString('hex')
}

test('the order of members does not matter; method, path, query, tenant and every value do', () => {
  assert.equal(hexOf({ body: { note: null, items: [{ count: 1, sku: 'a' }] } }), hexOf())
  const others = [
    { method: 'PUT' },
    { target: '/orders?dry=2' },
    { target: '/orders' },
    { tenant: 'acme2' },
    { tenant: undefined },
    { body: { ...order.body as object, note: '' } },
    { body: { items: [{ sku: 'a', count: 1 }] } },
    { body: undefined },
    { body: null },
    { body: JSON.stringify(order.body) },
    { body: Buffer.from(JSON.stringify(order.body)) },
    { digest: 'sha-256=:x:' },
  ].map(hexOf)
  assert.ok(!others.includes(hexOf()))
  // Text and its bytes are the same body.
  assert.equal(new Set(others).size, others.length - 1)
})

test('parts cannot be shifted into one another', () => {
  assert.notEqual(hexOf({ tenant: 'a', method: 'bc' }), hexOf({ tenant: 'ab', method: 'c' }))
  const scope = { method: 'POST', pattern: '/a' }
  const keys = [
    lookupKey({ ...scope, tenant: 'a' }, 'bc'),
    lookupKey({ ...scope, tenant: 'ab' }, 'c'),
    lookupKey({ ...scope, tenant: undefined }, 'abc'),
    lookupKey({ ...scope, tenant: '' }, 'abc'),
    lookupKey({ ...scope, tenant: 'a', pattern: '/ab' }, 'c'),
  ].map((key) => key.toString('hex'))
  assert.equal(new Set(keys).size, keys.length)
})

test('JSON that differs differs, and JSON that is equal is equal', () => {
  fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
    const same = hexOf({ body: one }) === hexOf({ body: other })
    assert.equal(same, deepEqual(one, other))
    assert.equal(hexOf({ body: one }), hexOf({ body: JSON.parse(JSON.stringify(one)) }))
  }))
})

test('what has no canonical form has no fingerprint, and nothing throws however deep it nests', () => {
  assert.equal(hexOf({ body: JSON.parse('{"a":1e999}') }), undefined)
  assert.equal(hexOf({ body: JSON.parse(String.raw`["\ud800"]`) }), undefined)
  assert.equal(hexOf({ body: JSON.parse('['.repeat(50_000) + ']'.repeat(50_000)) })?.length, 64)
  assert.equal(hexOf({ body: JSON.parse('{"__proto__":{"a":1}}') }) === hexOf({ body: {} }), false)
})

function deepEqual (one: unknown, other: unknown): boolean {
  try {
    // JSON has no negative zero.
    assert.deepEqual(JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(other)))
    return true
  } catch {
    return false
  }
}
