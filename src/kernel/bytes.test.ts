import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes, parseBytes } from './bytes.ts'

test('a size is read in its unit: KiB is 1,024 and kB is 1,000', () => {
  const read = ['512B', '16KiB', '64MiB', '1GiB', '16kB', '1.5MB', '2GB', 7.9].map((value) =>
    parseBytes(value)
  )
  assert.deepEqual(read, [512, 16_384, 67_108_864, 1_073_741_824, 16_000, 1_500_000, 2e9, 7])
})

test('a size without a unit, with an unknown one or negative is refused, naming setting, rule and value', () => {
  for (const value of ['64', '64M', '64mib', '-1B', '', -1, Number.NaN, Infinity, undefined]) {
    assert.throws(() => parseBytes(value, 'limits.bodySize'), {
      code: 'SETTING_INVALID',
      setting: 'limits.bodySize',
      message: /^limits\.bodySize must be a size such as "16KiB", "64MiB" or "1GB", got /,
    })
  }
})

test('any whole number of bytes survives being written and read', () => {
  fc.assert(fc.property(fc.nat(2 ** 45), (bytes) => parseBytes(formatBytes(bytes)) === bytes))
})
