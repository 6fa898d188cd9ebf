import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyMemo } from './key-memo.ts'
import { KeyedHash } from './keyed-hash.ts'

test('it answers as the hash itself, whatever it remembers', () => {
  const key = fc.oneof(fc.constantFrom('', 'a', 'ab', 'xab', 'x'.repeat(65)), fc.string({ unit: 'binary' }))
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(3), key), { maxLength: 60 }), (script) => {
    const memo = new KeyMemo([1, 2])
    const hash = new KeyedHash([1, 2])
    for (const [space, text] of [...script, ...script]) {
      memo.hash(space, text)
      hash.hash(space, text)
      assert.deepEqual([memo.first, memo.second], [hash.first, hash.second])
    }
  }))
})
