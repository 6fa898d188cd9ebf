import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  clampDeadline,
  deadlineHeader,
  MalformedDeadline,
  readDeadlineHeaders,
  writeDeadlineHeader,
} from './deadline-header.ts'
import { Deadline } from './deadline.ts'
import { manualClock } from './manual-clock.ts'

const names = [deadlineHeader, 'grpc-timeout', 'connect-timeout-ms', 'x-envoy-expected-rq-timeout-ms']

test('a request without a deadline header has none', () => {
  assert.equal(readDeadlineHeaders({ host: 'a' }), undefined)
})

test('each of the headers in use is read, in milliseconds', () => {
  assert.equal(readDeadlineHeaders({ 'plimsoll-timeout-ms': '250' }), 250)
  assert.equal(readDeadlineHeaders({ 'connect-timeout-ms': '9999999999' }), 9_999_999_999)
  assert.equal(readDeadlineHeaders({ 'x-envoy-expected-rq-timeout-ms': '15000' }), 15_000)
  const grpc = { '2H': 7_200_000, '3M': 180_000, '4S': 4_000, '5m': 5, '6u': 0.006, '7n': 0.000007 }
  for (const [text, ms] of Object.entries(grpc))
    assert.equal(readDeadlineHeaders({ 'grpc-timeout': text }), ms)
})

test('the shortest of several wins', () => {
  assert.equal(
    readDeadlineHeaders({
      'plimsoll-timeout-ms': '300',
      'grpc-timeout': '2S',
      'connect-timeout-ms': '200',
      'x-envoy-expected-rq-timeout-ms': '400',
    }),
    200
  )
})

test('what does not say a time is malformed, and names its header', () => {
  const values = [
    '',
    ' ',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    'NaN',
    'Infinity',
    '12345678901',
    '1, 2',
    '١٢',
    '5 ',
  ]
  for (const name of names) {
    const cases = name === 'grpc-timeout' ?
      [...values, '5', 'S', '-5S', '123456789S', '5s', '1S, 1S'] :
      values
    for (const value of [...cases, ['100', '200'], ['100'], ['5S']]) {
      const reading = readDeadlineHeaders({ [name]: value })
      assert.ok(reading instanceof MalformedDeadline, `${name}: ${value}`)
      assert.equal(reading.header, name)
    }
  }
})

test('one malformed header is not covered up by a valid one', () => {
  assert.ok(
    readDeadlineHeaders({ 'grpc-timeout': 'soon', 'connect-timeout-ms': '5' }) instanceof MalformedDeadline
  )
})

test('whatever the headers hold, the answer is a finite time of at least 0, malformed, or none', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^-?\d{0,12}[HMSmun]?$/),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.constant(undefined)
  )
  const headers = fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] })
  fc.assert(fc.property(headers, (given) => {
    const reading = readDeadlineHeaders(given)
    if (reading === undefined) assert.ok(Object.values(given).every((value) => value === undefined))
    else if (!(reading instanceof MalformedDeadline)) assert.ok(reading >= 0 && Number.isFinite(reading))
  }))
})

test('any gRPC timeout is read as what it says', () => {
  const units = { H: 3.6e6, M: 6e4, S: 1e3, m: 1, u: 1e-3, n: 1e-6 }
  const unit = fc.constantFrom(...Object.entries(units))
  fc.assert(fc.property(fc.nat(99_999_999), unit, (count, [letter, ms]) => {
    assert.equal(readDeadlineHeaders({ 'grpc-timeout': `${count}${letter}` }), count * ms)
  }))
})

test('what is written is read as no more than what was left, and less than a millisecond less', () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 9e9, noNaN: true }), (leftMs) => {
    const written = writeDeadlineHeader(Deadline.in(leftMs, manualClock()))
    const read = Number(readDeadlineHeaders({ [deadlineHeader]: written }))
    assert.ok(read <= leftMs && leftMs - read < 1)
  }))
  assert.equal(writeDeadlineHeader(Deadline.none), undefined)
  assert.equal(writeDeadlineHeader(Deadline.in(1e15, manualClock())), '9999999999')
})

test('what a caller asks for is granted between the bounds', () => {
  assert.equal(clampDeadline(500, { maxMs: 1_000 }), 500)
  assert.equal(clampDeadline(5e15, { maxMs: 1_000 }), 1_000)
  assert.equal(clampDeadline(0, { maxMs: 1_000, minMs: 10 }), 10)
})
