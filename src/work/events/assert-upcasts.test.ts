import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { assertUpcasts, UpcastError } from './assert-upcasts.ts'
import { defineEvent } from './define-event.ts'

const moved = defineEvent('ship.moved', 2, Type.Object({ to: Type.String() }), {
  key: ({ to }) => to,
  upcasters: { 1: (old: { harbour: { name: string } }) => ({ to: old.harbour.name }) },
})
const first = { version: 1, payload: { harbour: { name: 'Leith' } } }
const second = { version: 2, payload: { to: 'Leith' } }

test('payloads of all versions that are read pass', () => {
  assertUpcasts(moved, [first, second, { ...first, becomes: { to: 'Leith' } }])
})

test('what is not read, or becomes something else, is named with its payload', () => {
  const wrong = [
    { version: 1, payload: { harbour: null } },
    { ...first, becomes: { to: 'Hull' } },
    { version: 2, payload: { to: 1 } },
    { version: 3, payload: {} },
  ]
  assert.throws(() => assertUpcasts(moved, wrong), (error) => {
    assert.ok(error instanceof UpcastError)
    assert.equal(error.faults.length, 4)
    assert.match(error.message, /version 1, \{"harbour":null\}: .*upcaster/)
    assert.match(error.message, /became \{"to":"Leith"\} instead of \{"to":"Hull"\}/)
    return true
  })
})

test('a version without a stored payload is no test', () => {
  assert.throws(() => assertUpcasts(moved, [second]), /no stored payload of version 1 is tested/)
  assert.throws(() => assertUpcasts(moved, [first]), /no stored payload of version 2 is tested/)
})
