import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../../kernel/index.ts'
import { formatRate, parseRate } from './rate.ts'

test('a rate is per second unless it says otherwise', () => {
  assert.deepEqual(['200', '200/s', '90/m', '1800/h', 0.5].map((rate) => parseRate(rate)), [
    200,
    200,
    1.5,
    0.5,
    0.5,
  ])
})

test('what is no rate is refused, naming the setting and the rule', () => {
  for (
    const rate of [
      '',
      '0',
      '-1',
      '200/d',
      '200 /s',
      '1e3',
      'many',
      '2000000/s',
      0,
      -1,
      NaN,
      Infinity,
      null,
      {},
    ]
  ) {
    assert.throws(() => parseRate(rate, '--rate'), (error: SettingError) => {
      assert.equal(error.code, 'SETTING_INVALID')
      assert.match(error.message, /^--rate must be a rate above 0 and at most 1000000\/s, such as "200"/)
      return true
    })
  }
})

test('whatever is given, it is a rate above 0 or a SettingError', () => {
  fc.assert(fc.property(fc.anything(), (value) => {
    try {
      assert.ok(parseRate(value) > 0)
    } catch (error) {
      assert.ok(error instanceof SettingError)
    }
  }))
})

test('a rate is written in the unit that people would use', () => {
  assert.deepEqual([200, 1234.5, 1.5, 0.5, 1 / 3600].map(formatRate), [
    '200/s',
    '1235/s',
    '1.5/s',
    '30/m',
    '1/h',
  ])
})
