import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { WorkSignal } from './context-signal.ts'
import { Deadline } from './deadline.ts'
import { manualClock } from './manual-clock.ts'

test('work that never asks for its signal pays no timer, and does not even read its deadline', () => {
  const work = new WorkSignal({
    get deadline (): Deadline {
      return assert.fail('nobody asked')
    },
  })
  work.leave(0)
  work.settle()
})

test('the signal aborts at the deadline, with its error', () => {
  const clock = manualClock()
  const { signal } = new WorkSignal({ deadline: Deadline.in(100, clock) })
  clock.advance(99)
  assert.equal(signal.aborted, false)
  clock.advance(1)
  assert.equal(signal.reason.code, 'DEADLINE_EXCEEDED')
})

test('the signal aborts when the caller leaves, and the timer is freed with it', () => {
  const clock = manualClock()
  const work = new WorkSignal({ deadline: Deadline.in(100, clock) })
  const { signal } = work
  work.leave(clock.now())
  assert.equal(signal.reason.code, 'CALLER_GONE')
  assert.equal(signal.reason.statusCode, 499)
  assert.equal(clock.pending(), 0)
})

test('what happened before the first ask is seen by it', () => {
  const clock = manualClock()
  const left = new WorkSignal({ deadline: Deadline.in(100, clock) })
  left.leave(clock.now())
  assert.equal(left.signal.reason.code, 'CALLER_GONE')
  const late = new WorkSignal({ deadline: Deadline.in(0, clock) })
  assert.equal(late.signal.reason.code, 'DEADLINE_EXCEEDED')
})

test('the first reason stays', () => {
  const clock = manualClock()
  const work = new WorkSignal({ deadline: Deadline.in(100, clock) })
  const { signal } = work
  clock.advance(100)
  work.leave(clock.now())
  assert.equal(signal.reason.code, 'DEADLINE_EXCEEDED')
})

test('a signal that has settled keeps no timer and aborts no more', () => {
  const clock = manualClock()
  const work = new WorkSignal({ deadline: Deadline.in(100, clock) })
  const { signal } = work
  work.settle()
  assert.equal(clock.pending(), 0)
  work.leave(clock.now())
  clock.advance(200)
  assert.equal(signal.aborted, false)

  const neverAsked = new WorkSignal({ deadline: Deadline.in(100, clock) })
  neverAsked.settle()
  assert.equal(neverAsked.signal.aborted, false)
  assert.equal(clock.pending(), 0)
})

test('a part aborts with its whole, and holds no listener on it once it has settled', () => {
  const clock = manualClock()
  const whole = new WorkSignal({ deadline: Deadline.none })
  const part = new WorkSignal({ deadline: Deadline.in(100, clock), whole })
  const settled = new WorkSignal({ deadline: Deadline.in(100, clock), whole })
  assert.equal(part.signal.aborted, false)
  assert.equal(settled.signal.aborted, false)
  assert.equal(getEventListeners(whole.signal, 'abort').length, 2)
  settled.settle()
  assert.equal(getEventListeners(whole.signal, 'abort').length, 1)
  whole.leave(0)
  assert.equal(part.signal.reason.code, 'CALLER_GONE')
  assert.equal(settled.signal.aborted, false)
  assert.equal(clock.pending(), 0)
  assert.equal(new WorkSignal({ deadline: Deadline.none, whole }).signal.reason.code, 'CALLER_GONE')
})

test('the overrun is counted from when the caller left or the deadline passed, whichever was first', () => {
  const clock = manualClock()
  const work = new WorkSignal({ deadline: Deadline.in(100, clock) })
  assert.equal(work.overrunMs(100), 0)
  assert.equal(work.overrunMs(130), 30)
  work.leave(40)
  assert.equal(work.leftAtMs, 40)
  assert.equal(work.overrunMs(130), 90)
})
