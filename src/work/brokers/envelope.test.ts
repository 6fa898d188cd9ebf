import assert from 'node:assert/strict'
import { test } from 'node:test'
import { someMessage } from '../events/event-message.fixture.ts'
import { headersFor, readEnvelope } from './envelope.ts'

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
