import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bucketOf, searchableBounds } from './bucket-search.ts'

test('a value on a bound belongs to that bound, as "le" says; above the last it is in the infinite bucket', () => {
  const bounds = searchableBounds([1, 2, 4])
  assert.deepEqual([0.5, 1, 1.5, 2, 4, 4.1].map((value) => bucketOf(bounds, value)), [0, 0, 1, 1, 2, 3])
})

test('the search finds what a walk over the bounds finds, for any number of bounds', () => {
  const value = fc.double({ noNaN: true, min: -1e6, max: 1e6 })
  fc.assert(fc.property(fc.uniqueArray(value, { minLength: 1, maxLength: 70 }), value, (unsorted, other) => {
    const bounds = unsorted.toSorted((a, b) => a - b)
    for (const asked of [other, ...bounds]) {
      const walked = bounds.findIndex((bound) => asked <= bound)
      assert.equal(bucketOf(searchableBounds(bounds), asked), walked === -1 ? bounds.length : walked)
    }
  }))
})
