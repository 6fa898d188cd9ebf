import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../kernel/index.ts'
import { Histogram } from './histogram.ts'

/** From 1 us to 1 h, each order of magnitude alike. */
const duration = fc.double({ min: 0, max: Math.log10(3.6e9), noNaN: true }).map((power) => 10 ** power / 1000)
const durations = fc.array(duration, { minLength: 1, maxLength: 300 })
const quantiles = [0, 0.001, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1]

function filled (values: readonly number[]): Histogram {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

function exact (values: readonly number[], q: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] ?? Number.NaN
}

test('every quantile is within 0.4 % of the exact one, from 1 us to 1 h', () => {
  fc.assert(fc.property(durations, (values) => {
    const histogram = filled(values)
    for (const q of quantiles) {
      const truth = exact(values, q)
      assert.ok(Math.abs(histogram.quantileMs(q) - truth) <= truth * 0.004, `q ${q} of ${values}`)
    }
  }))
})

test('a million durations keep the same bound', () => {
  const random = seededRandom(7)
  const values = Array.from({ length: 1_000_000 }, () => -Math.log(1 - random()) * 20)
  const histogram = filled(values)
  const sorted = Float64Array.from(values).toSorted()
  for (const q of [0.5, 0.9, 0.99, 0.999, 0.9999]) {
    const truth = sorted[Math.ceil(q * sorted.length) - 1] ?? 0
    assert.ok(Math.abs(histogram.quantileMs(q) - truth) <= truth * 0.004)
  }
})

test('merged histograms are the histogram of all, however they were shared out', () => {
  fc.assert(fc.property(fc.array(fc.tuple(duration, fc.nat(2)), { maxLength: 300 }), (values) => {
    const parts = [new Histogram(), new Histogram(), new Histogram()]
    for (const [value, part] of values) parts[part]?.record(value)
    const merged = new Histogram()
    for (const part of parts) merged.merge(part)
    const { sumMs, ...rest } = merged.toData()
    const { sumMs: sumOfAll, ...all } = filled(values.map(([value]) => value)).toData()
    assert.deepEqual(rest, all)
    assert.ok(Math.abs(sumMs - sumOfAll) <= sumOfAll * 1e-9)
  }))
})

test('a histogram comes back whole from its data, also through JSON', () => {
  fc.assert(fc.property(fc.array(duration), (values) => {
    const data = filled(values).toData()
    assert.deepEqual(Histogram.from(JSON.parse(JSON.stringify(data))).toData(), data)
  }))
})

test('minimum, maximum and mean are exact', () => {
  const histogram = filled([1.25, 2.5, 1000.125])
  assert.deepEqual([histogram.minMs, histogram.maxMs], [1.25, 1000.125])
  assert.equal(histogram.meanMs, (1.25 + 2.5 + 1000.125) / 3)
})

test('nothing recorded has no figures', () => {
  const histogram = new Histogram()
  assert.equal(histogram.count, 0)
  for (const figure of [histogram.minMs, histogram.maxMs, histogram.meanMs, histogram.quantileMs(0.5)]) {
    assert.equal(figure, Number.NaN)
  }
  assert.equal(histogram.countAtMost(10), 0)
})

test('what is shorter than 1 us or longer than the last bucket is counted, with its own extremes', () => {
  const histogram = filled([-3, 0, 0.0001, 1e9])
  assert.equal(histogram.count, 4)
  assert.deepEqual([histogram.minMs, histogram.maxMs], [-3, 1e9])
  assert.ok(histogram.quantileMs(0.75) <= 0.001_01)
})

test('the count within a bound is off by no more than what lies within 0.8 % of the bound', () => {
  fc.assert(fc.property(durations, duration, (values, bound) => {
    const count = filled(values).countAtMost(bound)
    const within = (limit: number): number => values.filter((value) => value <= limit).length
    assert.ok(count >= within(bound / 1.008) && count <= within(bound * 1.008))
  }))
})

test('a reset histogram is as new', () => {
  const histogram = filled([1, 2, 3])
  histogram.reset()
  assert.deepEqual(histogram.toData(), new Histogram().toData())
})
