import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDuration, parseDuration } from './duration.ts'
import { SettingError } from './setting-error.ts'

test('a duration is read in its unit', () => {
  const read = ['250ms', '1.5s', '5m', '2h', '7d', 40].map((value) => parseDuration(value))
  assert.deepEqual(read, [250, 1_500, 300_000, 7_200_000, 604_800_000, 40])
})

test('text without a unit, with spaces, negative or not finite is refused, naming setting, rule and value', () => {
  for (const value of ['5', '5 m', '-5s', '5sec', '', ' ', -1, Number.NaN, Infinity, null, undefined, {}]) {
    assert.throws(() => parseDuration(value, 'drain.grace'), (error: SettingError) => {
      assert.equal(error.code, 'SETTING_INVALID')
      assert.equal(error.setting, 'drain.grace')
      assert.match(error.message, /^drain\.grace must be a duration such as "250ms", "30s" or "5m", got /)
      return true
    })
  }
})

test('any whole number of milliseconds survives being written and read', () => {
  fc.assert(fc.property(fc.nat(2 ** 40), (ms) => parseDuration(formatDuration(ms)) === ms))
})

test('a duration is written in the largest unit that keeps it exact', () => {
  assert.deepEqual([0, 999, 1_000, 90_000, 300_000, 86_400_000].map(formatDuration), [
    '0ms',
    '999ms',
    '1s',
    '90s',
    '5m',
    '1d',
  ])
})
