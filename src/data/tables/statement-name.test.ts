import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statementName } from './statement-name.ts'

test('a statement is named by its text: another text has another name, the same text always this one', () => {
  const name = statementName('consumer_place', 'SELECT 1')
  assert.match(name, /^plimsoll_consumer_place_[0-9a-f]{16}$/)
  assert.equal(statementName('consumer_place', 'SELECT 1'), name)
  assert.notEqual(statementName('consumer_place', 'SELECT 2'), name)
})

test('the longest part makes a name that PostgreSQL does not cut short', () => {
  assert.equal(statementName('x'.repeat(37), 'SELECT 1').length, 63)
})
