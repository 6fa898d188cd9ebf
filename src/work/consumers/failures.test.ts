import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logPosition } from '../events/index.ts'
import { isDatabaseTrouble, killerVerdict, verdictOn } from './failures.ts'
import { inboxId } from './inbox-id.ts'
import { readMessage, writeMessage } from './message-text.ts'

const limits = { attempts: 3, backoff: { baseMs: 100, capMs: 300 } }

test('the pause is random, doubles with each try up to its cap, and the last try is a dead letter', () => {
  const waits = [1, 2, 3, 9].map((attempt) => verdictOn(new Error('no'), attempt, limits, () => 0.5))
  assert.deepEqual(waits.map(({ waitMs }) => waitMs), [50, 100, 150, 150])
  assert.deepEqual(waits.map(({ dead }) => dead), [false, false, true, true])
  assert.equal(verdictOn(new Error('no'), 1, limits, () => 0).waitMs, 0)
})

test('an error says that it is final, or when to come back', () => {
  const final = verdictOn(Object.assign(new Error('no'), { retryable: false }), 1, limits, () => 0.5)
  assert.equal(final.dead, true)
  const later = verdictOn(Object.assign(new Error('busy'), { retryAfterMs: 5_000 }), 1, limits, () => 0.5)
  assert.deepEqual([later.dead, later.waitMs], [false, 5_000])
  const sooner = verdictOn(Object.assign(new Error('busy'), { retryAfterMs: 1 }), 1, limits, () => 0.5)
  assert.equal(sooner.waitMs, 50)
  assert.deepEqual(verdictOn('a text', 1, limits, () => 0).failure.message, 'a text')
  assert.equal(killerVerdict(4).dead, true)
})

test('a database that is away is told from an event that cannot be handled', () => {
  const withCode = (code: string): Error => Object.assign(new Error('x'), { code })
  for (const code of ['DATABASE_LOST', 'DATABASE_BUSY', '57P01', '08006', '53300', '25006'])
    assert.equal(isDatabaseTrouble(withCode(code)), true, code)
  for (const code of ['23505', '57014', '40001', 'ECONNREFUSED', 'DEADLINE_EXCEEDED'])
    assert.equal(isDatabaseTrouble(withCode(code)), false, code)
  assert.equal(isDatabaseTrouble(new Error('Connection terminated unexpectedly')), true)
  assert.equal(isDatabaseTrouble(new Error('no')), false)
  assert.equal(isDatabaseTrouble('no'), false)
})

test('a UUID is remembered as it is, any other id as one made of it', () => {
  const uuid = '0198c1a2-73a4-7b3c-8d5e-1f2a3b4c5d6e'
  assert.equal(inboxId(uuid), uuid)
  assert.equal(inboxId(uuid.toUpperCase()), uuid)
  assert.match(inboxId('order 7'), /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  assert.equal(inboxId('order 7'), inboxId('order 7'))
  assert.notEqual(inboxId('order 7'), inboxId('order 8'))
})

test('a message that is kept comes back as it was, its place in the log with it', () => {
  const message = {
    id: 'x',
    type: 'a.b',
    version: 1,
    aggregateType: 'a',
    key: 'k',
    payload: '{ "n": 1 }',
    headers: { traceparent: '00-...' },
    occurredAtMs: 5,
  }
  const placed = { ...message, position: logPosition(1, 2n ** 60n, 7n) }
  assert.deepEqual(readMessage(writeMessage(message)), message)
  assert.deepEqual(readMessage(writeMessage(placed)), placed)
})
