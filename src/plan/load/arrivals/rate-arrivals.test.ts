import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../kernel/index.ts'
import type { Spread } from '../plan.ts'
import { RateArrivals } from './rate-arrivals.ts'
import { type Segment, segmentsOf } from './segments.ts'

function allOf (segments: readonly Segment[], spread: Spread = 'even', seed = 1): number[] {
  const arrivals = new RateArrivals(segments, spread, seededRandom(seed))
  const times: number[] = []
  for (let at = arrivals.next(); at !== Infinity; at = arrivals.next()) times.push(at)
  return times
}

function level (perSecond: number, durationMs: number): Segment {
  return { fromPerSecond: perSecond, toPerSecond: perSecond, durationMs }
}

test('even arrivals of a constant rate are where they belong, also after a day', () => {
  assert.deepEqual(allOf([level(4, 1_000)]), [0, 250, 500, 750])
  const arrivals = new RateArrivals([level(7, 86_400_000)], 'even', seededRandom(1))
  let last = 0
  for (let count = 0; count < 7 * 86_400; count++) last = arrivals.next()
  assert.ok(Math.abs(last - (86_400_000 - 1000 / 7)) < 1e-3, `${last}`)
  assert.equal(arrivals.next(), Infinity)
})

test('arrivals of any rates come in order, inside their time, and as many as the rates come to', () => {
  const rate = fc.integer({ min: 0, max: 2_000 })
  const segment = fc.record({
    fromPerSecond: rate,
    toPerSecond: rate,
    durationMs: fc.integer({ min: 1, max: 900 }),
  })
  fc.assert(fc.property(fc.array(segment, { maxLength: 5 }), (segments) => {
    const times = allOf(segments)
    const wholeMs = segments.reduce((sum, { durationMs }) => sum + durationMs, 0)
    const expected = segments.reduce(
      (sum, { fromPerSecond, toPerSecond, durationMs }) =>
        sum + (fromPerSecond + toPerSecond) * durationMs / 2000,
      0
    )
    assert.ok(Math.abs(times.length - expected) <= 1 + 1e-6, `${times.length} of ${expected}`)
    for (const [at, time] of times.entries()) {
      assert.ok(time >= (times[at - 1] ?? 0) && time <= wholeMs + 1e-6, `${time} at ${at}`)
    }
  }))
})

test('a ramp has at each moment the arrivals that its rate has come to', () => {
  const [segment] = segmentsOf({ kind: 'ramp', fromPerSecond: 100, toPerSecond: 0, durationMs: 2_000 })
  assert.ok(segment)
  for (const [count, time] of allOf([segment]).entries()) {
    const seconds = time / 1000
    assert.ok(Math.abs(100 * seconds - 25 * seconds ** 2 - count) < 1e-6)
  }
})

test('steps and spikes hold their levels', () => {
  const steps = allOf(
    segmentsOf({ kind: 'steps', fromPerSecond: 10, byPerSecond: 20, steps: 3, eachMs: 1_000 })
  )
  const within = (times: readonly number[], from: number, to: number): number =>
    times.filter((time) => time >= from && time < to).length
  assert.deepEqual([0, 1_000, 2_000].map((from) => within(steps, from, from + 1_000)), [10, 30, 50])
  const spike = allOf(segmentsOf({
    kind: 'spike',
    perSecond: 10,
    peakPerSecond: 200,
    peakAtMs: 1_000,
    peakForMs: 500,
    durationMs: 3_000,
  }))
  assert.deepEqual([within(spike, 0, 1_000), within(spike, 1_000, 1_500), within(spike, 1_500, 3_000)], [
    10,
    100,
    15,
  ])
})

test('gaps of a Poisson process are exponential: mean, spread, and the distribution itself', () => {
  const times = allOf([level(1_000, 100_000)], 'poisson', 42)
  const gaps = times.map((time, at) => time - (times[at - 1] ?? 0))
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
  assert.ok(Math.abs(mean - 1) < 0.01, `mean ${mean}`)
  assert.ok(Math.abs(deviation - 1) < 0.01, `deviation ${deviation}`)
  // Kolmogorov-Smirnov; the critical value for one wrong alarm in a thousand is 1.95 / sqrt(n).
  const sorted = gaps.toSorted((one, other) => one - other)
  const distance = Math.max(
    ...sorted.map((gap, at) => Math.abs(1 - Math.exp(-gap) - (at + 1) / sorted.length))
  )
  assert.ok(distance < 1.95 / Math.sqrt(sorted.length), `distance ${distance}`)
})

test('counts of a Poisson process in equal stretches vary as much as they are many', () => {
  const times = allOf([level(1_000, 100_000)], 'poisson', 7)
  const counts = Array.from({ length: 1_000 }, () => 0)
  for (const time of times) {
    const at = Math.floor(time / 100)
    counts[at] = (counts[at] ?? 0) + 1
  }
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length
  assert.ok(Math.abs(variance / mean - 1) < 0.15, `${variance} to ${mean}`)
})
