import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/kernel/index.ts'
import { zipf } from './zipf.ts'

test('ranks come as often as the law says, and none lies outside', () => {
  const draw = zipf(100, 1, seededRandom(1))
  const counts = Array.from({ length: 100 }, () => 0)
  for (let i = 0; i < 100_000; i++) counts[draw()]! += 1
  const harmonic = Array.from({ length: 100 }, (_, rank) => 1 / (rank + 1)).reduce((sum, part) => sum + part)
  for (const rank of [0, 1, 9]) {
    const expected = 100_000 / (rank + 1) / harmonic
    assert.ok(Math.abs(counts[rank]! - expected) < expected * 0.1, `${rank}: ${counts[rank]} for ${expected}`)
  }
  assert.equal(counts.reduce((sum, count) => sum + count), 100_000)
})

test('the first and the last rank can be drawn', () => {
  assert.equal(zipf(5, 1, () => 0)(), 0)
  assert.equal(zipf(5, 1, () => 1 - Number.EPSILON)(), 4)
})
