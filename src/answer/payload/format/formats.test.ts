import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../../kernel/index.ts'
import { type Format, FormatChooser } from './formats.ts'

const both = new FormatChooser(['json', 'msgpack'], 'formats')

const rows: readonly (readonly [accept: string | undefined, mediaType: string | undefined])[] = [
  [undefined, 'application/json'],
  ['', 'application/json'],
  ['*/*', 'application/json'],
  ['application/*', 'application/json'],
  ['application/json', 'application/json'],
  ['application/json; charset=utf-8', 'application/json'],
  ['APPLICATION/JSON', 'application/json'],
  ['application/vnd.msgpack', 'application/vnd.msgpack'],
  ['application/msgpack', 'application/msgpack'],
  ['application/x-msgpack', 'application/x-msgpack'],
  ['application/json;q=0.5, application/msgpack', 'application/msgpack'],
  ['application/msgpack;q=0.5, application/json', 'application/json'],
  ['application/json;q=0, */*', 'application/vnd.msgpack'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'application/json'],
  ['text/html', undefined],
  ['application/json;q=0', undefined],
  ['nonsense', undefined],
]

for (const [accept, mediaType] of rows) {
  test(`Accept ${JSON.stringify(accept)} is answered in ${mediaType ?? 'nothing'}`, () => {
    assert.equal(both.choose(accept)?.mediaType, mediaType)
    assert.equal(both.choose(accept)?.mediaType, mediaType, 'the remembered choice is the same')
  })
}

test('a media type that the handler writes itself can be chosen', () => {
  const chooser = new FormatChooser(['json', 'text/csv'], 'formats')
  assert.deepEqual({ ...chooser.choose('text/csv') }, { format: 'text/csv', mediaType: 'text/csv' })
})

test('no header makes it fail, and it never chooses what was not offered', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'application',
      'json',
      'msgpack',
      'vnd.msgpack',
      '/',
      '*',
      ';q=',
      '0',
      '1',
      ',',
      ';',
      '"',
      '=',
      '\\'
    ),
    fc.string({ maxLength: 5 })
  )
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
    const chosen = both.choose(pieces.join(''))
    assert.ok(chosen === undefined || both.offered.includes(chosen.mediaType))
  }))
})

test('formats that are none stop the boot', () => {
  for (const formats of [[], ['xml'], ['text/'], [7]]) {
    assert.throws(() => new FormatChooser(formats as unknown as Format[], 'formats'), SettingError)
  }
})
