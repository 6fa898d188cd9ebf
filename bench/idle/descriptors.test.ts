import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLimits } from './descriptors.ts'

test('the limits of open files are read, unlimited too', () => {
  const limits =
    'Max processes     1   2   processes\nMax open files            1024       unlimited   files\n'
  assert.deepEqual(parseLimits(limits), { soft: 1024, hard: Number.POSITIVE_INFINITY })
})
