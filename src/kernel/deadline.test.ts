import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadline } from './deadline.ts'
import { manualClock } from './manual-clock.ts'

test('a deadline counts down to 0 and no further', () => {
  const clock = manualClock()
  const deadline = Deadline.in(100, clock)
  clock.advance(30)
  assert.equal(deadline.remainingMs(), 70)
  clock.advance(100)
  assert.equal(deadline.remainingMs(), 0)
  assert.equal(deadline.passed, true)
  assert.throws(() => deadline.throwIfPassed(), { code: 'DEADLINE_EXCEEDED', statusCode: 504 })
})

test('its signal aborts when it passes, not before', () => {
  const clock = manualClock()
  const { signal } = Deadline.in(100, clock)
  clock.advance(99)
  assert.equal(signal.aborted, false)
  clock.advance(1)
  assert.equal(signal.aborted, true)
  assert.equal(signal.reason.code, 'DEADLINE_EXCEEDED')
})

test('the signal of a deadline that has passed is aborted from the start', () => {
  const clock = manualClock()
  assert.equal(Deadline.in(0, clock).signal.aborted, true)
})

test('a part can only shorten the deadline of the whole', () => {
  const clock = manualClock()
  const whole = Deadline.in(100, clock)
  assert.equal(whole.within(500), whole)
  assert.equal(whole.within(40).remainingMs(), 40)
})

test('no deadline never passes and sets no timer', () => {
  assert.equal(Deadline.none.passed, false)
  assert.equal(Deadline.none.remainingMs(), Infinity)
  assert.equal(Deadline.none.signal.aborted, false)
})

test('a deadline that nobody watches costs no timer', () => {
  const clock = manualClock()
  const deadline = Deadline.in(100, clock)
  assert.equal(clock.pending(), 0)
  assert.equal(deadline.signal.aborted, false)
  assert.equal(clock.pending(), 1)
})
