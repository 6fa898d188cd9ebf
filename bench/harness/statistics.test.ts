import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, quantile, ratio, summarize } from './statistics.ts'

test('the median is the middle value, or the mean of the two middle ones', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([10, 1, 4, 2]), 3)
  assert.equal(median([7]), 7)
})

test('numbers are ordered by size, not by their text', () => {
  assert.equal(median([100, 9, 20]), 20)
})

test('no values have no median and no quantile', () => {
  assert.throws(() => median([]), RangeError)
  assert.throws(() => quantile([], 0.5), RangeError)
})

test('a quantile is a value that occurred', () => {
  const values = [50, 10, 40, 20, 30]
  assert.equal(quantile(values, 0), 10)
  assert.equal(quantile(values, 0.5), 30)
  assert.equal(quantile(values, 0.99), 50)
})

test('a ratio is taken round by round: a slow round for both changes nothing', () => {
  const { median, low, high } = ratio([50, 5, 60], [100, 10, 100])
  assert.deepEqual([median, low, high], [0.5, 0.5, 0.6])
})

test('series of different lengths are not compared', () => {
  assert.throws(() => ratio([1, 2], [1]), RangeError)
})

test('a summary keeps its rounds in their order', () => {
  assert.deepEqual(summarize([3, 1, 2]), { median: 2, low: 1, high: 3, rounds: [3, 1, 2] })
})
