import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { DeadlineWheel, noSlot, tickMs, type WheelEntry } from './deadline-wheel.ts'

interface TestEntry extends WheelEntry {
  readonly expiredAtMs: number[]
}

function entryAt (deadlineAtMs: number, now: () => number): TestEntry {
  const expiredAtMs: number[] = []
  return {
    deadlineAtMs,
    expiredAtMs,
    expire: () => void expiredAtMs.push(now()),
    wheelNext: undefined,
    wheelPrevious: undefined,
    wheelSlot: noSlot,
  }
}

test('each entry expires once, never early and at most two ticks late; a removed one never does', () => {
  const step = fc.record({
    inMs: fc.integer({ min: -50, max: 20_000 }),
    thenMs: fc.integer({ min: 0, max: 40 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
      const clock = manualClock()
      const wheel = new DeadlineWheel(clock)
      const kept: [TestEntry, number][] = []
      const removed: TestEntry[] = []
      for (const [at, { inMs, thenMs }] of steps.entries()) {
        const entry = entryAt(clock.now() + inMs, clock.now)
        wheel.add(entry)
        if ((at + seed) % 3 === 0) {
          wheel.remove(entry)
          wheel.remove(entry)
          removed.push(entry)
        } else kept.push([entry, Math.max(entry.deadlineAtMs, clock.now())])
        clock.advance(thenMs)
      }
      for (let at = 0; at < 3_000; at++) clock.advance(tickMs)
      for (const [entry, dueMs] of kept) {
        assert.equal(entry.expiredAtMs.length, 1)
        const lateMs = (entry.expiredAtMs[0] ?? 0) - dueMs
        assert.ok(lateMs >= 0 && lateMs <= 2 * tickMs, `${lateMs} ms late`)
      }
      assert.ok(removed.every(({ expiredAtMs }) => expiredAtMs.length === 0))
      assert.equal(wheel.size, 0)
    }),
    { numRuns: 60 }
  )
})

test('a loop that was blocked for longer than a round misses nobody', () => {
  let nowMs = 0
  let turn: () => void = () => {}
  const wheel = new DeadlineWheel({
    ...manualClock(),
    now: () => nowMs,
    every (_ms, run) {
      turn = run
      return () => {}
    },
  })
  const entries = [100, 5_000, 8_192, 15_000, 20_000].map((at) => entryAt(at, () => nowMs))
  for (const entry of entries) wheel.add(entry)
  nowMs = 16_000
  turn()
  assert.deepEqual(entries.map(({ expiredAtMs }) => expiredAtMs.length), [1, 1, 1, 1, 0])
})

test('an entry may take others off, or put new ones on, while it expires', () => {
  const clock = manualClock()
  const wheel = new DeadlineWheel(clock)
  const second = entryAt(80, clock.now)
  const third = entryAt(clock.now() + 10, clock.now)
  const first = Object.assign(entryAt(80, clock.now), {
    expire (): void {
      wheel.remove(second)
      wheel.add(third)
    },
  })
  wheel.add(second)
  wheel.add(first)
  clock.advance(200)
  assert.deepEqual([second.expiredAtMs.length, third.expiredAtMs.length], [0, 1])
})

test('without entries no timer runs', () => {
  const clock = manualClock()
  let running = 0
  const wheel = new DeadlineWheel({
    ...clock,
    every (ms, run) {
      running++
      const cancel = clock.every(ms, run)
      return () => {
        running--
        cancel()
      }
    },
  })
  const entry = entryAt(50, clock.now)
  wheel.add(entry)
  assert.equal(running, 1)
  wheel.remove(entry)
  clock.advance(2 * tickMs)
  assert.equal(running, 0)
})
