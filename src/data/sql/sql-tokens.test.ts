import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SqlKind, sqlTokens } from './sql-tokens.ts'

function told (text: string): string[] {
  return [...sqlTokens(text)].map(({ kind, start, end, closed }) =>
    `${kind}${closed ? '' : ' (open)'} ${text.slice(start, end)}`
  )
}

const pieces: readonly (readonly [text: string, kind: SqlKind])[] = [
  ['select', 'word'],
  ['größe_1$', 'word'],
  ['$1', 'parameter'],
  [`'it''s'`, 'literal'],
  [`E'a\\'b'`, 'literal'],
  [`'back\\'`, 'literal'],
  [`B'01'`, 'literal'],
  [`U&'\\00e4'`, 'literal'],
  [`$$a ' b$$`, 'literal'],
  [`$tag$ $$ $ta$ $tag$`, 'literal'],
  ['"a ""b"" $1"', 'quoted-name'],
  ['-- $1 ; to the end', 'comment'],
  ['/* a /* nested */ comment */', 'comment'],
  ['12.5e-3', 'number'],
  ['.5', 'number'],
  ['0x1F', 'number'],
  [';', 'sign'],
  ['=', 'sign'],
]

for (const [text, kind] of pieces) {
  test(`${JSON.stringify(text)} is one ${kind}`, () => assert.deepEqual(told(text), [`${kind} ${text}`]))
}

test('pieces are what they are beside any others, too', () => {
  const piece = fc.constantFrom(...pieces)
  fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), (chosen) => {
    const text = chosen.map(([each]) => each).join('\n')
    const found = told(text).filter((token) => !token.startsWith('space'))
    assert.deepEqual(found, chosen.map(([each, kind]) => `${kind} ${each}`))
  }))
})

test('whatever the text, its tokens cover it without a gap', () => {
  const piece = fc.oneof(
    fc.constantFrom(`'`, '"', '$', '$a$', '/*', '*/', '--', 'e', '\\', ';', '1', ' '),
    fc.string()
  )
  fc.assert(fc.property(fc.array(piece), (chosen) => {
    const text = chosen.join('')
    let at = 0
    for (const { start, end } of sqlTokens(text)) {
      assert.equal(start, at)
      assert.ok(end > start)
      at = end
    }
    assert.equal(at, text.length)
  }))
})

for (const text of [`'open`, `E'open\\'`, '"open', '$a$open$b$', '/* open /* */']) {
  test(`${text} does not end`, () => {
    const tokens = [...sqlTokens(`a ${text}`)]
    assert.equal(tokens.at(-1)?.closed, false)
    assert.equal(tokens.length, 3)
  })
}

test('a literal does not begin inside a word, nor a parameter', () => {
  assert.deepEqual(told(`time'now'`), ['word time', `literal 'now'`])
  assert.deepEqual(told('a$1'), ['word a$1'])
  assert.deepEqual(told('a$b$c$b$'), ['word a$b$c$b$'])
})
