import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { timeoutFor } from './timeout-buckets.ts'

const none = Number.POSITIVE_INFINITY

test('a session that has no timeout gets the smallest bucket that is not below what is left', () => {
  assert.equal(timeoutFor(300, none, none), 500)
  assert.equal(timeoutFor(500, none, none), 500)
  assert.equal(timeoutFor(500.1, none, none), 1_000)
  assert.equal(timeoutFor(0, none, none), 50)
})

test('a setting that is up to two buckets loose stays', () => {
  assert.equal(timeoutFor(300, 2_500, none), 2_500)
  assert.equal(timeoutFor(300, 5_000, none), 500)
  assert.equal(timeoutFor(300, 250, none), 500)
})

test('work without a deadline, and what is beyond the last bucket, has the default of the session', () => {
  assert.equal(timeoutFor(none, 500, none), none)
  assert.equal(timeoutFor(3_600_000, 500, none), none)
})

test('a default of the session that is tighter stays in force', () => {
  assert.equal(timeoutFor(3_000, none, 1_000), none)
  assert.equal(timeoutFor(300, none, 1_000), 500)
})

test('whatever a session had, its new timeout ends no statement before its time', () => {
  const time = fc.double({ min: 0, max: 1e6, noNaN: true })
  const current = fc.oneof(fc.constantFrom(50, 500, 5_000, 300_000, none, Number.NaN), time)
  fc.assert(fc.property(time, current, (remainingMs, currentMs) => {
    const timeoutMs = timeoutFor(remainingMs, currentMs, none)
    assert.ok(timeoutMs >= remainingMs)
    assert.equal(timeoutFor(remainingMs, timeoutMs, none), timeoutMs, 'and is not changed for the same again')
  }))
})
