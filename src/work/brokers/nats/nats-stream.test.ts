import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durableName } from './durable-consumer.ts'
import { plainText, safeText, subjectOf } from './nats-stream.ts'

test('any text goes through a header of NATS and comes back, on one line of printable signs', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => {
    const safe = safeText(text)
    assert.match(safe, /^[\x21-\x7e]*$/)
    assert.equal(plainText(safe), text.toWellFormed())
  }))
  assert.equal(safeText('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01').includes('%'), false)
  assert.equal(plainText('100%'), '100%')
})

test('a type becomes one subject, never a pattern', () => {
  const place = { stream: 'events', subjects: 'events', create: false as const }
  assert.equal(subjectOf(place, 'order.placed'), 'events.order.placed')
  for (const type of ['*', '>', 'a.*.b', 'a b', '', 'a..b', '.']) {
    assert.match(subjectOf(place, type), /^events(\.[\x21-\x29\x2b-\x2d\x2f-\x3d\x3f-\x7e]+)+$/, type)
  }
})

test('a durable consumer has the name of its consumer, in signs that NATS takes', () => {
  assert.equal(durableName('best-sellers_2'), 'best-sellers_2')
  assert.equal(durableName('a.b c>'), 'a_2e_b_20_c_3e_')
  assert.notEqual(durableName('a.b'), durableName('a b'))
})
