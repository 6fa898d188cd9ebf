import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePage } from './markdown.ts'

test('a heading gives the anchor that GitHub gives it, and its namesake a numbered one', () => {
  const { anchors } = parsePage(
    '# `plimsoll dev`, in short!\n## Same\n## Same\n## [Linked](x.md) words\n<a id="own">'
  )
  assert.deepEqual([...anchors], ['plimsoll-dev-in-short', 'same', 'same-1', 'linked-words', 'own'])
})

test('links are found inline, by reference and in HTML, and not in code', () => {
  const page = parsePage(
    '[a](x.md#y) ![b](<z.png> "t")\n[c]: w.md\n<img src="i.svg">\n`[d](no.md)`\n```\n[e](no.md)\n```'
  )
  assert.deepEqual(page.links.map(({ target, line }) => `${line} ${target}`), [
    '1 x.md#y',
    '1 z.png',
    '2 w.md',
    '3 i.svg',
  ])
})

test('a block knows its language, its first line and the comment right before it', () => {
  const { blocks } = parsePage(
    '<!-- run: shop -->\n\n```sh\na\nb\n```\ntext\n```ts\nc\n```\n<!-- run -->\nx\n```sh\nd\n```'
  )
  assert.deepEqual(blocks, [
    { language: 'sh', marker: 'run: shop', text: 'a\nb', line: 4 },
    { language: 'ts', marker: undefined, text: 'c', line: 9 },
    { language: 'sh', marker: undefined, text: 'd', line: 14 },
  ])
})

test('a longer fence may hold a shorter one', () => {
  const { blocks } = parsePage('````md\n```sh\nx\n```\n````\n# After')
  assert.deepEqual(blocks.map(({ text }) => text), ['```sh\nx\n```'])
})
