import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  slidingEstimate,
  slidingRemaining,
  slidingResetMs,
  slidingWaitMs,
  windowIndex,
} from './sliding-window.ts'

interface State {
  index: number
  current: number
  previous: number
}

function rolled ({ index, current, previous }: State, now: number): State {
  if (now === index) return { index, current, previous }
  return { index: now, current: 0, previous: now === index + 1 ? current : 0 }
}

const windows = fc.record({
  windowMs: fc.constantFrom(1, 1_000, 60_000, 86_400_000),
  requests: fc.integer({ min: 1, max: 40 }),
})

const steps = fc.array(
  fc.record({
    waitWindows: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.6, noNaN: true })),
    cost: fc.integer({ min: 0, max: 10 }),
  }),
  { maxLength: 80 }
)

test('within a window never more than the limit; over any stretch as long, at most limit * (1 + f)', () => {
  fc.assert(
    fc.property(windows, steps, (window, script) => {
      let nowMs = 5 * window.windowMs
      let state: State = { index: 5, current: 0, previous: 0 }
      const taken: { atMs: number; cost: number }[] = []
      for (const { waitWindows, cost: asked } of script) {
        nowMs += waitWindows * window.windowMs
        state = rolled(state, windowIndex(window, nowMs))
        const cost = Math.min(asked, window.requests)
        if (slidingWaitMs(window, state.index, state.current, state.previous, cost, nowMs) > 0) continue
        state.current += cost
        taken.push({ atMs: nowMs, cost })
        const sum = (fromMs: number): number =>
          taken.reduce((units, { atMs, cost: of }) => atMs >= fromMs ? units + of : units, 0)
        assert.ok(sum(state.index * window.windowMs) <= window.requests)
        const share = nowMs / window.windowMs - state.index
        const stretch = sum(nowMs - window.windowMs)
        assert.ok(stretch <= window.requests * (1 + share) + 1e-3, `${stretch} at ${share}`)
      }
    }),
    { numRuns: 500 }
  )
})

test('the previous window weighs by the share of it that the sliding one still covers', () => {
  const window = { windowMs: 1_000, requests: 100 }
  const estimateAt = (nowMs: number): number => Math.round(slidingEstimate(window, 7, 10, 40, nowMs))
  assert.deepEqual([7_000, 7_250, 7_500, 7_999].map(estimateAt), [50, 40, 30, 10])
  assert.equal(slidingRemaining(window, 30.5), 69)
})

test("evenly spread requests are admitted at the limit's rate, within a part in ten", () => {
  const window = { windowMs: 1_000, requests: 100 }
  let state: State = { index: 0, current: 0, previous: 0 }
  let admitted = 0
  for (let nowMs = 0; nowMs < 20_000; nowMs += 5) { // twice the limit
    state = rolled(state, windowIndex(window, nowMs))
    if (slidingWaitMs(window, state.index, state.current, state.previous, 1, nowMs) > 0) continue
    state.current++
    admitted++
  }
  assert.ok(admitted >= 1_800 && admitted <= 2_100, String(admitted))
})

test('who waits exactly as long as told is admitted, who comes sooner is not', () => {
  fc.assert(
    fc.property(
      windows,
      fc.nat(40),
      fc.nat(40),
      fc.integer({ min: 1, max: 40 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (window, currentSeed, previousSeed, costSeed, share) => {
        fc.pre(window.windowMs >= 1_000)
        const current = Math.min(currentSeed, window.requests)
        const previous = Math.min(previousSeed, window.requests)
        const cost = Math.min(costSeed, window.requests)
        const state = { index: 7, current, previous }
        const nowMs = (7 + share) * window.windowMs
        const waitMs = slidingWaitMs(window, 7, current, previous, cost, nowMs)
        assert.ok(waitMs >= 0 && waitMs <= 2 * window.windowMs)
        const waitAt = (atMs: number): number => {
          const { index, current, previous } = rolled(state, windowIndex(window, atMs))
          return slidingWaitMs(window, index, current, previous, cost, atMs)
        }
        assert.equal(waitAt(nowMs + waitMs), 0)
        if (waitMs > 1) assert.ok(waitAt(nowMs + waitMs - 0.9) > 0)
        const resetMs = slidingResetMs(window, 7, current, previous, nowMs)
        const { index, current: later, previous: last } = rolled(state, windowIndex(window, nowMs + resetMs))
        assert.ok(slidingEstimate(window, index, later, last, nowMs + resetMs) < 1e-6)
      }
    ),
    { numRuns: 1_000 }
  )
})
