import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureFingerprint, messageShape, originOf } from './failure-fingerprint.ts'

/** An error as it comes from a process of its own: with a stack that says where it was thrown. */
function failing (
  message: string,
  { at = 'at charge (/srv/app/src/payments.ts:10:5)', name = 'Error', ...fields }: Record<string, unknown> =
    {}
): Error {
  const error = Object.assign(new Error(message), fields)
  Object.defineProperty(error, 'name', { value: name })
  error.stack = `${String(name)}: ${message}\n    ${String(at)}`
  return error
}

test('ids, numbers, dates, addresses and quoted values make no difference', () => {
  const pairs: readonly (readonly [string, string])[] = [
    ['order 17 not found', 'order 90210 not found'],
    [
      'order 0198c1a2-73a4-7b3c-8d5e-1f2a3b4c5d6e is gone',
      'order 0198c1a2-73a4-7b3c-8d5e-ffffffffffff is gone',
    ],
    ['customer cus_9s8D7f has no card', 'customer cus_Q1w2E3 has no card'],
    ['due on 2026-11-23T05:50:00Z', 'due on 2025-01-01T00:00:00.123Z'],
    ['mail to ann@example.com bounced', 'mail to bob.b+x@mail.example.org bounced'],
    ['GET https://api.test/orders/17?x=1 timed out', 'GET https://api.test/orders/18/lines timed out'],
    ['no such user "Ann Smith"', 'no such user "Bob"'],
    [`no such user 'Ann Smith'`, `no such user 'Bob'`],
    ['took 10.5ms, limit 10', 'took 900ms, limit 850.25'],
    ['balance is -5', 'balance is 12'],
    ['key aGVsbG8gd29ybGQhISEhISEh unknown', 'key Z3J1ZXNzZSBhbiBhbGxlIGhp unknown'],
    ['failed\nat line 5', 'failed\nsomewhere else'],
    ['connect ECONNREFUSED 10.0.0.1:5432', 'connect ECONNREFUSED 192.168.7.12:6543'],
  ]
  for (const [one, other] of pairs) {
    assert.equal(messageShape(one), messageShape(other))
    assert.equal(failureFingerprint(failing(one)), failureFingerprint(failing(other)), one)
  }
})

test('what says another kind of failure makes one', () => {
  const base = failing('order 17 not found')
  const others: readonly Error[] = [
    failing('customer 17 not found'),
    failing('order 17 not found', { name: 'OrderError' }),
    failing('order 17 not found', { code: 'GONE' }),
    failing('order 17 not found', { statusCode: 404 }),
    failing('order 17 not found', { at: 'at refund (/srv/app/src/payments.ts:10:5)' }),
    failing('order 17 not found', { at: 'at charge (/srv/app/src/orders.ts:10:5)' }),
    failing('order 17 not found', { cause: failing('disk full') }),
    failing('order 17 not found', { cause: failing('socket closed') }),
  ]
  const all = [base, ...others].map(failureFingerprint)
  assert.equal(new Set(all).size, all.length)
})

test('a constraint that is violated is named, and counts', () => {
  const violated = (name: string): string =>
    failureFingerprint(failing(`duplicate key value violates unique constraint "${name}"`, { code: '23505' }))
  assert.notEqual(violated('orders_pkey'), violated('orders_number_key'))
})

test('lines that shift, another directory, a build, and frames of libraries make no difference', () => {
  const stacks = [
    'at charge (/srv/app/src/payments.ts:10:5)',
    'at charge (/srv/app/src/payments.ts:99:1)',
    'at async charge (file:///srv/releases/2026-11-23/dist/payments.js:10:5)',
    'at Object.charge [as run] (/srv/app/src/payments.ts:10:5)',
    'at Client.query (/srv/app/node_modules/pg/lib/client.js:1:1)\n    at charge (/srv/app/src/payments.ts:10:5)',
    'at process.processTicksAndRejections (node:internal/process/task_queues:1:1)\n    at charge (/srv/app/src/payments.ts:10:5)',
    String.raw`at charge (C:\app\src\payments.ts:10:5)`,
  ]
  assert.deepEqual([...new Set(stacks.map((at) => originOf(`Error: x\n    ${at}`)))], ['charge@payments'])
  assert.equal(originOf('Error: x\n    at /srv/app/src/payments.ts:10:5'), '@payments')
  assert.equal(originOf('Error: x\n    at new Charge (/srv/app/src/payments.ts:10:5)'), 'Charge@payments')
  assert.equal(originOf('Error: x\n    at query (node:internal/x:1:1)'), '')
})

test('the deepest cause counts, however often it was wrapped in numbers', () => {
  const wrapped = (id: number, why: string): Error =>
    failing(`job ${id} failed`, { cause: failing(`step ${id}`, { cause: failing(why) }) })
  assert.equal(failureFingerprint(wrapped(1, 'disk full')), failureFingerprint(wrapped(2, 'disk full')))
  assert.notEqual(failureFingerprint(wrapped(1, 'disk full')), failureFingerprint(wrapped(1, 'disk gone')))
  const several = new AggregateError([failing('disk full')], 'several')
  const others = new AggregateError([failing('socket closed')], 'several')
  several.stack = others.stack = 'AggregateError: several'
  assert.notEqual(failureFingerprint(several), failureFingerprint(others))
})

test('an error may say itself what it is grouped by', () => {
  const one = failing('a', { fingerprint: 'stock-out' })
  const other = failing('b', { name: 'Other', fingerprint: 'stock-out' })
  assert.equal(failureFingerprint(one), failureFingerprint(other))
  assert.notEqual(failureFingerprint(one), failureFingerprint(failing('a', { fingerprint: 'other' })))
})

test('causes in a circle, getters that throw, and what is no error have fingerprints, too', () => {
  const circle = failing('circle')
  circle.cause = circle
  const hostile = Object.defineProperty(new Error('x'), 'message', {
    get: () => {
      throw new Error('no')
    },
  })
  const all = [circle, hostile, undefined, null, 'text', { code: 5 }, Symbol('s'), 7n].map(failureFingerprint)
  for (const fingerprint of all) assert.match(fingerprint, /^[\da-f]{12}$/)
  assert.equal(failureFingerprint('order 1'), failureFingerprint('order 2'))
})

test('property: of any sentence with numbers and ids in it, only the words count', () => {
  const word = fc.stringMatching(/^[a-z]{1,9}$/)
  const id = fc.oneof(fc.uuid(), fc.nat().map(String), fc.stringMatching(/^[a-z]{2,4}_[\dA-Za-z]{5}\d$/))
  fc.assert(
    fc.property(fc.array(fc.tuple(word, id, id), { minLength: 1, maxLength: 8 }), (parts) => {
      const one = parts.map(([text, first]) => `${text} ${first}`).join(' ')
      const other = parts.map(([text, , second]) => `${text} ${second}`).join(' ')
      assert.equal(messageShape(one), messageShape(other))
      assert.deepEqual(messageShape(one).match(/(?<!<)\b[a-z]+\b(?!>)/g), parts.map(([text]) => text))
    }),
    { numRuns: 200 }
  )
})

test('property: any text at all is shaped, in bounded length and time', () => {
  fc.assert(fc.property(fc.string({ maxLength: 5_000 }), (text) => messageShape(text).length <= 300))
  const startedAt = process.hrtime.bigint()
  for (const part of ['a@', '9', '"', `'`, ' ', 'aB', '://', '-']) messageShape(part.repeat(100_000))
  assert.ok(process.hrtime.bigint() - startedAt < 2_000_000_000n)
})
