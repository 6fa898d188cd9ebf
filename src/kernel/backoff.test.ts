import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fullJitter } from './backoff.ts'

test('the upper end doubles from the base and stops at the cap', () => {
  const almostOne = (): number => 0.999_999
  const waits = [1, 2, 3, 4, 5, 50].map((attempt) =>
    fullJitter(attempt, { baseMs: 100, capMs: 1_000 }, almostOne)
  )
  assert.deepEqual(waits.map(Math.round), [100, 200, 400, 800, 1_000, 1_000])
})

test('any wait lies between 0 and the cap', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(fc.property(fc.integer({ min: 1, max: 2_000 }), random, (attempt, value) => {
    const wait = fullJitter(attempt, { baseMs: 7, capMs: 900 }, () => value)
    return wait >= 0 && wait < 900
  }))
})

test('a base of 0 or a cap below the base is refused', () => {
  assert.throws(() => fullJitter(1, { baseMs: 0, capMs: 1 }, () => 0), { code: 'SETTING_INVALID' })
  assert.throws(() => fullJitter(1, { baseMs: 2, capMs: 1 }, () => 0), { code: 'SETTING_INVALID' })
})
