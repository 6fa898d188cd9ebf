import fc from 'fast-check'
import type { FastifyRequest } from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { etagOf, expectedRevisions, isKnown, resourceChanged } from './revision.ts'

const asked = (header?: string): readonly string[] | null =>
  expectedRevisions({ headers: header === undefined ? {} : { 'if-match': header } } as FastifyRequest)

test('an ETag of the whole or of a part, sent as If-Match, names the revision', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string(), (revision, mask) => {
    const etag = etagOf(revision, mask)
    assert.match(etag, /^"[\x21\x23-\x7e]+"$/)
    assert.deepEqual(asked(`"x", ${etag}`)?.at(-1), revision)
    assert.equal(isKnown(`W/${etag}, "x"`, etag), true)
  }))
})

test('a change without If-Match is 428; * allows any revision; weak tags name none', () => {
  assert.throws(() => asked(), { code: 'IF_MATCH_REQUIRED', statusCode: 428 })
  assert.equal(asked(' * '), null)
  assert.deepEqual(asked(`W/${etagOf('1', '')}`), [])
  assert.deepEqual(asked('nonsense'), [])
  assert.deepEqual([resourceChanged().code, resourceChanged().statusCode], ['RESOURCE_CHANGED', 412])
})

test('If-None-Match knows lists and *, and nothing that only looks alike', () => {
  const etag = etagOf('7', '')
  assert.equal(isKnown(undefined, etag), false)
  assert.equal(isKnown('*', etag), true)
  assert.equal(isKnown(etag.slice(1, -1), etag), false)
  assert.equal(isKnown(`"x${etag.slice(1)}`, etag), false)
})
