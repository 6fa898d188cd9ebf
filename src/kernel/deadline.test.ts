import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './clock.ts'
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

test('what waits for a deadline is called once, when it has passed, or at once when it had before', () => {
  const clock = manualClock()
  let calls = 0
  Deadline.in(0.5, clock).whenPassed(() => calls++)
  clock.advance(0.5)
  assert.equal(calls, 0, 'timers count whole milliseconds')
  clock.advance(0.5)
  assert.equal(calls, 1)
  Deadline.in(-1, clock).whenPassed(() => calls++)
  assert.equal(calls, 2)
  assert.equal(clock.pending(), 0)
})

test('a deadline further off than a timer can count is waited for in several', () => {
  const clock = manualClock()
  const monthsMs = 100 * 24 * 3_600_000
  let passed = false
  const cancel = Deadline.in(monthsMs, { ...clock, after: atMost2To31(clock) }).whenPassed(() =>
    passed = true
  )
  clock.advance(monthsMs - 1)
  assert.equal(passed, false)
  clock.advance(1)
  assert.equal(passed, true)
  cancel()

  const cancelAnother = Deadline.in(monthsMs, clock).whenPassed(() => assert.fail('it was cancelled'))
  clock.advance(2 ** 31)
  cancelAnother()
  clock.advance(monthsMs)
  assert.equal(clock.pending(), 0)
})

/** As `setTimeout` does: what it cannot count fires at once. */
function atMost2To31 (clock: Clock): Clock['after'] {
  return (ms, run) => clock.after(ms < 2 ** 31 ? ms : 1, run)
}

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
