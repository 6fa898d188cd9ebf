import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTier, promiseMsOf } from './tier.ts'

test('a tier tells the wait it promises', () => {
  assert.equal(promiseMsOf('within-5s'), 5_000)
  assert.equal(promiseMsOf('within-1m'), 60_000)
  assert.equal(promiseMsOf('within-1h'), 3_600_000)
  assert.equal(promiseMsOf('within-250ms'), 250)
})

test('a tier has one name only: the shortest; anything else is refused', () => {
  for (
    const name of [
      'within-60s',
      'within-1000ms',
      'within-0s',
      'within-',
      'within-5',
      '5s',
      'fast',
      'within-1.0s',
    ]
  )
    assert.throws(() => promiseMsOf(name), { code: 'SETTING_INVALID' }, name)
})

test('names that are no tier can be told', () => {
  assert.equal(isTier('within-5s'), true)
  assert.equal(isTier('fast'), false)
})
