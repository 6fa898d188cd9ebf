import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interleave, roundOrder } from './interleave.ts'

test('odd rounds run in the opposite order', () => {
  const rounds = [0, 1, 2].map((round) => roundOrder(['a', 'b', 'c'], round).join(''))
  assert.deepEqual(rounds, ['abc', 'cba', 'abc'])
})

test('the measurements of a subject stand in the order of the rounds', async () => {
  const ran: string[] = []
  const measured = await interleave(['a', 'b'], 3, async (subject, round) => {
    ran.push(subject)
    return `${subject}${round}`
  })
  assert.equal(ran.join(''), 'abbaab')
  assert.deepEqual([...measured], [['a', ['a0', 'a1', 'a2']], ['b', ['b0', 'b1', 'b2']]])
})
