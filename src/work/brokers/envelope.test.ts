import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { someMessage } from '../events/event-message.fixture.ts'
import { headersFor, readEnvelope } from './envelope.ts'
import { plainText, safeText, subjectOf } from './nats/nats-stream.ts'

const stranger = { id: 'stream:7', type: 'events.something', key: 'k', atMs: 5 }

test('a message is read as it was written, with and without its place in the log', () => {
  for (const message of [someMessage(), { ...someMessage(), headers: {} }]) {
    assert.deepEqual(readEnvelope(new Map(headersFor(message)), message.payload, stranger), message)
    const { position: _, ...without } = message
    assert.deepEqual(readEnvelope(new Map(headersFor(without)), message.payload, stranger), without)
  }
})

test('a message of a stranger is read by what the broker says of it, whatever its headers hold', () => {
  const headers = new Map([['note', 'x'], ['plimsoll-version', 'two'], ['plimsoll-at', '-1'], [
    'plimsoll-position',
    '?',
  ]])
  assert.deepEqual(readEnvelope(headers, 'not JSON', stranger), {
    id: 'stream:7',
    type: 'events.something',
    version: 1,
    aggregateType: '',
    key: 'k',
    payload: 'not JSON',
    headers: { note: 'x' },
    occurredAtMs: 5,
  })
})

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
