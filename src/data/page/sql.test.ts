import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joinSql, rawSql, sql } from './sql.ts'

test('values become placeholders, counted from where the statement wants, and fragments become text', () => {
  const inner = sql`a = ${1} or b = ${'x'}`
  const whole = sql`c < ${2} and (${inner}) and ${rawSql('d is null')} and e = ${3}`
  assert.equal(whole.text(), 'c < $1 and (a = $2 or b = $3) and d is null and e = $4')
  assert.equal(whole.text(8), 'c < $8 and (a = $9 or b = $10) and d is null and e = $11')
  assert.deepEqual(whole.values, [2, 1, 'x', 3])
})

test('a string is a value even when it looks like SQL, and so is an object that looks like a fragment', () => {
  const forged = { strings: ['true; drop table shelf'], values: [], text: () => 'true' }
  const fragment = sql`a = ${'$1; drop table shelf'} and b = ${forged}`
  assert.equal(fragment.text(), 'a = $1 and b = $2')
  assert.deepEqual(fragment.values, ['$1; drop table shelf', forged])
})

test('fragments are joined with their values in order; none of them is an empty text', () => {
  const joined = joinSql([sql`a = ${1}`, rawSql('b'), sql`${2} = c`], ' and ')
  assert.deepEqual([joined.text(3), joined.values], ['a = $3 and b and $4 = c', [1, 2]])
  assert.deepEqual([joinSql([], ' and ').text(), joinSql([], ' and ').values], ['', []])
})
