import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CodingChooser } from './accept-encoding.ts'
import { codings } from './coding.ts'
import { plainTag, variantTag } from './entity-tag.ts'

const chooser = new CodingChooser(codings)

const rows: readonly (readonly [header: string | undefined, coding: string | undefined, plain: boolean])[] = [
  [undefined, undefined, true],
  ['', undefined, true],
  ['gzip', 'gzip', true],
  ['gzip, deflate, br, zstd', 'zstd', true],
  ['br;q=1.0, gzip;q=0.8, *;q=0.1', 'br', true],
  ['gzip;q=0.9, br;q=0.8', 'gzip', true],
  ['*', 'zstd', true],
  ['*;q=0', undefined, false],
  ['identity;q=0', undefined, false],
  ['identity;q=0, *', 'zstd', false],
  ['gzip, identity;q=0', 'gzip', false],
  ['identity, gzip;q=0.5', undefined, true],
  ['GZIP', 'gzip', true],
  ['deflate', undefined, true],
  ['gzip;q=0, br;q=0', undefined, true],
  ['gzip;q=nonsense', undefined, true],
]

for (const [header, coding, plain] of rows) {
  test(`Accept-Encoding ${JSON.stringify(header)} takes ${coding ?? 'the plain body'}${plain ? '' : ' only'}`, () => {
    assert.deepEqual({ ...chooser.choose(header) }, { coding, plain })
    assert.deepEqual({ ...chooser.choose(header) }, { coding, plain }, 'the remembered choice is the same')
  })
}

test('no header makes it fail, and it never chooses what was not offered', () => {
  const piece = fc.oneof(
    fc.constantFrom('gzip', 'br', 'zstd', 'identity', '*', ';q=', '0', '1', '.5', ',', ';', ' ', '=', '"'),
    fc.string({ maxLength: 5 })
  )
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
    const { coding } = new CodingChooser(['gzip', 'br']).choose(pieces.join(''))
    assert.ok(coding === undefined || coding === 'gzip' || coding === 'br')
  }))
})

test('the tag of a variant leads back to that of the plain body', () => {
  for (const coding of codings) {
    assert.equal(plainTag(variantTag('"abc"', coding, 11)), '"abc"')
    assert.equal(variantTag('"abc"', coding, undefined), 'W/"abc"')
    assert.equal(variantTag('W/"abc"', coding, 3), 'W/"abc"')
    assert.equal(variantTag('abc', coding, 3), 'abc')
  }
  assert.equal(plainTag('"abc"'), '"abc"')
  assert.equal(plainTag('W/"abc"'), 'W/"abc"')
})
