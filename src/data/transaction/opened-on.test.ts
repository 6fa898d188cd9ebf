import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pool } from 'pg'
import { OpenedOn } from './opened-on.ts'
import type { Transaction } from './transaction.ts'

const [one, other] = [{ name: 'one' }, { name: 'other' }] as unknown as [Pool, Pool]
const foreign = {} as unknown as Transaction

test('a pool finds its own, and a foreign transaction the only one there is', () => {
  const opened = new OpenedOn<string>((open) => new Error(`${open} are open`))
  assert.throws(() => opened.of(one), /0 are open/)
  opened.bind(one, 'a')
  assert.equal(opened.of(foreign), 'a')
  opened.bind(other, 'b')
  assert.deepEqual([opened.of(one), opened.of(other)], ['a', 'b'])
  assert.throws(() => opened.of(foreign), /2 are open/)
})

test('what was bound later stays when the earlier one is taken back', () => {
  const opened = new OpenedOn<string>((open) => new Error(`${open} are open`))
  opened.bind(one, 'a')
  opened.bind(one, 'b')
  opened.unbind(one, 'a')
  assert.equal(opened.of(one), 'b')
  opened.unbind(one, 'b')
  assert.throws(() => opened.of(one), /0 are open/)
})
