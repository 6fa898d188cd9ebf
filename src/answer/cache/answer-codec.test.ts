import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeAnswer, encodeAnswer } from './answer-codec.ts'
import type { StoredAnswer } from './stored-answer.ts'

const answer: fc.Arbitrary<StoredAnswer> = fc.record({
  key: fc.string({ unit: 'binary' }),
  status: fc.integer({ min: 200, max: 410 }),
  headers: fc.array(fc.string()),
  body: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  etag: fc.option(fc.string(), { nil: undefined }),
  tags: fc.array(fc.string({ unit: 'binary' })),
  sequence: fc.nat(),
  version: fc.option(fc.string(), { nil: undefined }),
  madeEpochMs: fc.nat(),
  freshMs: fc.nat(),
  staleWhileRevalidateMs: fc.nat(),
  staleIfErrorMs: fc.nat(),
  neverStale: fc.boolean(),
})

test('what was encoded is decoded as it was, under its own key only', () => {
  fc.assert(
    fc.property(answer, fc.string(), (stored, other) => {
      const bytes = encodeAnswer(stored)
      assert.deepEqual({ etag: undefined, version: undefined, ...decodeAnswer(bytes, stored.key) }, {
        ...stored,
      })
      if (other !== stored.key) assert.equal(decodeAnswer(bytes, other), undefined)
    }),
    { numRuns: 150 }
  )
})

test('bytes that were cut, changed or made by others are nothing, and never throw', () => {
  fc.assert(
    fc.property(
      answer,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.uint8Array(),
      (stored, at, change, noise) => {
        const bytes = encodeAnswer(stored)
        assert.equal(decodeAnswer(bytes.subarray(0, at % bytes.length), stored.key), undefined)
        const changed = Uint8Array.from(bytes)
        changed[at % bytes.length]! ^= change
        assert.equal(decodeAnswer(changed, stored.key), undefined)
        assert.equal(decodeAnswer(noise, stored.key), undefined)
      }
    ),
    { numRuns: 150 }
  )
})

test('a well formed value of another shape is nothing', () => {
  const stored = { key: 'k', status: '200', headers: [], tags: [], body: Buffer.alloc(0) }
  assert.equal(decodeAnswer(encodeAnswer(stored as never), 'k'), undefined)
})
