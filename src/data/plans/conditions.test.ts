import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sortColumnOf, termsOf } from './conditions.ts'

function read (text: string): readonly string[] {
  return termsOf(text).map(({ kind, column, cast, with: other }) =>
    [
      kind,
      column && `${column.alias}.${column.name}`,
      cast && `as ${cast}`,
      other && `with ${other.alias}.${other.name}`,
    ]
      .filter((part) => part !== undefined).join(' ')
  )
}

test('conditions joined by AND are told apart, wherever parentheses and texts stand', () => {
  assert.deepEqual(
    read(
      `((p.a = $1) AND (p.b > 5) AND (p.c = ' AND )('::text) AND ((p.d)::numeric <= $2) AND (p.e IS NULL))`
    ),
    ['equality p.a', 'range p.b', 'equality p.c', 'range p.d as numeric', 'equality p.e']
  )
})

test('lists, flags, joins and values on the left are read', () => {
  assert.deepEqual(read('(p.a = ANY ($1))'), ['equality p.a'])
  assert.deepEqual(read('(NOT p.done)'), ['equality p.done'])
  assert.deepEqual(read('p.done'), ['equality p.done'])
  assert.deepEqual(read('(p.category_id = c.id)'), ['equality p.category_id with c.id'])
  assert.deepEqual(read('($1 = p.a)'), ['equality p.a'])
  assert.deepEqual(read('("order"."the ""id""" = $1)'), ['equality order.the "id"'])
})

test('what no plain index serves is something else', () => {
  for (
    const text of [
      '(lower(p.a) = $1)',
      "(p.a ~~ '%x'::text)",
      '((p.a = 1) OR (p.b = 2))',
      '(p.a <> $1)',
      '(p.a IS NOT NULL)',
    ]
  ) {
    assert.deepEqual(read(text), ['other'], text)
  }
  assert.deepEqual(termsOf(undefined), [])
})

test('a sort key is a column with its direction, or an expression', () => {
  assert.deepEqual(sortColumnOf('p.a'), { alias: 'p', name: 'a', direction: '' })
  assert.deepEqual(sortColumnOf('p."A b" DESC NULLS LAST'), {
    alias: 'p',
    name: 'A b',
    direction: 'DESC NULLS LAST',
  })
  assert.equal(sortColumnOf('(lower(p.a)) DESC'), undefined)
})
