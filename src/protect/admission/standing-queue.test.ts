import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StandingQueue } from './standing-queue.ts'

/** Looks at a wait each 10 ms, from `fromMs` on. */
function hold (queue: StandingQueue, waitMs: number, fromMs: number, untilMs: number, unitMs = 1): void {
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 10) queue.note(nowMs, waitMs, unitMs)
}

test('a burst that drains within the interval is no overload', () => {
  const queue = new StandingQueue()
  hold(queue, 0, 0, 100)
  hold(queue, 60, 110, 190)
  assert.equal(queue.overloaded, false)
  hold(queue, 2, 200, 200)
  hold(queue, 60, 210, 290)
  assert.equal(queue.overloaded, false)
})

test('a queue that stands for longer is, and is then cut short', () => {
  const queue = new StandingQueue()
  hold(queue, 0, 0, 0)
  const burstMs = queue.boundMs(1)
  hold(queue, 20, 10, 110)
  assert.equal(queue.overloaded, true)
  assert.ok(queue.boundMs(1) < burstMs)
  assert.ok(queue.patienceMs(1) < 100, 'a refusal after a wait still comes within 100 ms')
})

test('what drains only because units are turned away stands on, until none is for an interval', () => {
  const queue = new StandingQueue()
  hold(queue, 0, 0, 0)
  hold(queue, 20, 10, 110)
  queue.overflowed(110)
  hold(queue, 0, 120, 200)
  assert.equal(queue.overloaded, true)
  hold(queue, 0, 210, 210)
  assert.equal(queue.overloaded, false)
})

test('where one unit takes long, one that waits is no overload', () => {
  const queue = new StandingQueue()
  hold(queue, 0, 0, 0, 100)
  hold(queue, 50, 10, 1_000, 100)
  assert.equal(queue.overloaded, false)
  hold(queue, 100, 1_010, 1_600, 100)
  assert.equal(queue.overloaded, true)
  assert.equal(queue.boundMs(100), 200)
})
