import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedHash } from './keyed-hash.ts'

function hashOf (text: string, space = 0, key: readonly [number, number] = [1, 2]): string {
  const hash = new KeyedHash(key)
  hash.hash(space, text)
  return `${hash.first},${hash.second}`
}

test('text, space and key each change the hash', () => {
  const units = fc.string({ unit: 'binary', maxLength: 20 })
  fc.assert(fc.property(units, units, (one, other) => {
    assert.equal(hashOf(one), hashOf(one))
    assert.notEqual(hashOf(one), hashOf(one, 1))
    assert.notEqual(hashOf(one), hashOf(one, 0, [1, 3]))
    if (one !== other) assert.notEqual(hashOf(one), hashOf(other))
  }))
})

test('texts that differ only in padding, length or high bytes do not collide', () => {
  const texts = [
    '',
    '\0',
    '\0\0',
    '\0\0\0\0',
    'a',
    'a\0',
    '\u0161',
    'a\u0100',
    'aaaa',
    'aaaa\u0001',
    '\u0161aaa',
  ]
  assert.equal(new Set(texts.map((text) => hashOf(text))).size, texts.length)
})

test('low and high bytes cannot stand in for each other', () => {
  const high = '\u0161aaabbbb' // the words of low and high bytes: aaaa, 1, bbbb
  const low = 'aaaa\u6201\u6200\u6200\u6200' // aaaa, 1, bbbb
  assert.notEqual(hashOf(high), hashOf(low))
})

test('each bit of the result is set for half of similar texts, and changes with half of the flipped bits', () => {
  const hash = new KeyedHash([0x12345678, 0x0badcafe])
  const set = new Float64Array(64)
  const changed = new Float64Array(64)
  const count = 4_000
  for (let at = 0; at < count; at++) {
    const text = `10.0.${at >> 8}.${at & 255}`
    hash.hash(3, text)
    const { first, second } = hash
    hash.hash(3, `${text.slice(0, -1)}${String.fromCharCode(text.charCodeAt(text.length - 1) ^ 1)}`)
    for (let bit = 0; bit < 32; bit++) {
      set[bit]! += first >>> bit & 1
      set[32 + bit]! += second >>> bit & 1
      changed[bit]! += (first ^ hash.first) >>> bit & 1
      changed[32 + bit]! += (second ^ hash.second) >>> bit & 1
    }
  }
  // Six standard deviations.
  for (const ones of [...set, ...changed]) assert.ok(Math.abs(ones - count / 2) < 190, String(ones))
})
