import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram, type LoadReport } from '../../src/plan/load/index.ts'
import { goodShare, recoveryMs, type Slice, slicedPhases, slicesOf, wholeRate } from './recovery.ts'

/** Slices of 100 ms with so many good answers a second, of 200 that were offered. */
function slices (...good: readonly number[]): readonly Slice[] {
  return good.map((goodPerSecond, at) => ({
    startMs: at * 100,
    durationMs: 100,
    plannedPerSecond: 200,
    goodPerSecond,
  }))
}

test('a slice holds a whole number of arrivals', () => {
  assert.equal(wholeRate(181.4), 180)
  assert.equal(wholeRate(0), 10)
  assert.deepEqual(slicedPhases(200, (ms) => ms), [
    { kind: 'constant', name: 'slice 0', perSecond: 50, durationMs: 100 },
    { kind: 'constant', name: 'slice 1', perSecond: 150, durationMs: 100 },
  ])
})

test('the share served is of the offer, or of the capacity where more was offered', () => {
  assert.equal(goodShare(slices(100, 100), 1_000), 0.5)
  assert.equal(goodShare(slices(100, 100), 100), 1)
})

test('answers that came late are not good', () => {
  const latency = new Histogram()
  latency.record(10)
  latency.record(260)
  const phase = { startMs: 100, durationMs: 100, latency: { histogram: latency.toData() } }
  const found = slicesOf([phase] as unknown as LoadReport['phases'], () => 20)
  assert.deepEqual(found, [{ startMs: 100, durationMs: 100, plannedPerSecond: 20, goodPerSecond: 10 }])
})

test('who serves everything at the end of the disturbance has recovered at once', () => {
  assert.equal(recoveryMs(slices(200, 0, 200, 200, 200, 200, 200), 200, 1_000), 0)
})

test('recovery counts from the end of the disturbance, within a slice too', () => {
  assert.equal(recoveryMs(slices(0, 0, 0, 200, 200, 200, 200, 200), 100, 1_000), 200)
  assert.equal(recoveryMs(slices(0, 0, 0, 200, 200, 200, 200, 200), 150, 1_000), 150)
})

test('half a good second is no recovery when the rest is bad', () => {
  const relapse = slices(0, 200, 200, 200, 200, 200, 0, 0, 0, 0, 0, 0)
  assert.equal(recoveryMs(relapse, 100, 1_000), Infinity)
})

test('who never serves nine tenths never recovers, and a shorter rest than half a second proves nothing', () => {
  assert.equal(recoveryMs(slices(0, 170, 170, 170, 170, 170, 170), 100, 1_000), Infinity)
  assert.equal(recoveryMs(slices(0, 0, 0, 200, 200, 200), 0, 1_000), Infinity)
})
