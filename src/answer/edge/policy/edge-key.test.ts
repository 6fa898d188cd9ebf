import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EdgeKeys, maxKeyBytes } from './edge-key.ts'

const anyTag = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '%', '%b00', '%h', 'a b', 'a,b')
)

test('every key is of an alphabet without separators, quotes and line ends, and of at most 1,024 bytes', () => {
  const keys = new EdgeKeys({ namespace: 'shop', whenTooMany: 'fold' })
  fc.assert(
    fc.property(anyTag, fc.nat(2_000), (tag, times) => {
      for (const key of keys.toPurge([tag, tag.repeat(times)])) {
        assert.match(key, /^shop\/[\w.~:/@+=%-]+$/)
        assert.ok(key.length <= maxKeyBytes)
      }
    }),
    { numRuns: 200 }
  )
})

test('two tags never share a key, and no tag has the key of a hash or of shared ones', () => {
  const keys = new EdgeKeys({ whenTooMany: 'fold' })
  fc.assert(
    fc.property(fc.uniqueArray(anyTag.map((tag) => tag.toWellFormed()), { maxLength: 50 }), (tags) => {
      const own = tags.map((tag) => keys.of(tag))
      assert.equal(new Set(own).size, tags.length)
      for (const key of own) assert.doesNotMatch(key, /^%[bh]/)
    }),
    { numRuns: 200 }
  )
})

test('a tag too long for a key becomes its hash: the same for the header and for the purge', () => {
  const keys = new EdgeKeys()
  const long = 'x'.repeat(1_025)
  assert.match(keys.of(long), /^%h[\da-f]{64}$/)
  assert.notEqual(keys.of(long), keys.of(`${long}y`))
  assert.equal(keys.of('x'.repeat(1_024)), 'x'.repeat(1_024))
})

test('a purge names each key once, and the shared ones only where responses are folded', () => {
  assert.deepEqual(new EdgeKeys().toPurge(['a', 'b', 'a']), ['a', 'b'])
  const folded = new EdgeKeys({ whenTooMany: 'fold' }).toPurge(['a', 'b'])
  assert.equal(folded.length, 4)
  assert.equal(folded.filter((key) => /^%b[\da-f]{2}$/.test(key)).length, 2)
})
