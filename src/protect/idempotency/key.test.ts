import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serializeItem } from 'structured-headers'
import { longestKey, readKey } from './key.ts'

test('a key is one structured-field string; its quotes, escapes and parameters are not part of it', () => {
  assert.equal(
    readKey('"8e03978e-40d5-43e8-bc93-6894a57f9324"', true),
    '8e03978e-40d5-43e8-bc93-6894a57f9324'
  )
  assert.equal(readKey('"a\\"b\\\\c"', true), 'a"b\\c')
  assert.equal(readKey('  "a b"; x=1 ', true), 'a b')
})

test('a bare value is the same key as a quoted one, unless strict', () => {
  assert.equal(readKey('8e03978e-40d5-43e8-bc93-6894a57f9324', false), '8e03978e-40d5-43e8-bc93-6894a57f9324')
  assert.equal(readKey('8e03978e-40d5-43e8-bc93-6894a57f9324', true), undefined)
  assert.equal(readKey('token', true), undefined)
})

test('what is empty, too long, not ASCII, several values or another type is no key', () => {
  const wrong = [
    '',
    '""',
    '"',
    '"a',
    '"a"b',
    '"a", "b"',
    'a, b',
    'a b',
    '"é"',
    'é',
    '"a\tb"',
    '"a\nb"',
    ':YWJj:',
    '("a")',
    '"a\\b"',
    '%"a"',
    `"${'x'.repeat(longestKey + 1)}"`,
    'x'.repeat(longestKey + 1),
    `"${'\\"'.repeat(longestKey + 1)}"`,
  ]
  for (const value of wrong) {
    if (value !== ':YWJj:') assert.equal(readKey(value, false), undefined, value)
    assert.equal(readKey(value, true), undefined, value)
  }
  assert.equal(readKey(['"a"', '"a"'], false), undefined)
})

test('the longest key is read, escaped or not', () => {
  assert.equal(readKey(`"${'x'.repeat(longestKey)}"`, true)?.length, longestKey)
  assert.equal(readKey(`"${'\\"'.repeat(longestKey)}"`, true)?.length, longestKey)
})

test('every string that a structured field can hold comes back as it was written', () => {
  const character = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code))
  fc.assert(fc.property(fc.string({ unit: character, minLength: 1, maxLength: longestKey }), (text) => {
    assert.equal(readKey(serializeItem(text), true), text)
  }))
})

test('whatever arrives, a key is 1 to 255 printable ASCII characters or there is none, and nothing throws', () => {
  const nearly = fc.array(
    fc.constantFrom(
      '"',
      '\\',
      'a',
      ' ',
      ';',
      '=',
      ',',
      '(',
      ':',
      '%',
      '?1',
      '@',
      '1.',
      '\0',
      'é',
      '\u{1f600}'
    ),
    { maxLength: 40 }
  ).map((parts) => parts.join(''))
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 2_000 }), nearly),
      fc.boolean(),
      (value, strict) => {
        const key = readKey(value, strict)
        assert.ok(key === undefined || /^[\x20-\x7e]{1,255}$/.test(key))
      }
    ),
    { numRuns: 2_000 }
  )
})
