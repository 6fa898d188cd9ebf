import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureReason, Tally } from './tally.ts'

test('what was sent is what completed and what failed, and reasons stand by their number', () => {
  const tally = new Tally()
  tally.completed = 5
  tally.fail('refused')
  tally.fail('reset')
  tally.fail('reset')
  assert.deepEqual([tally.sent, tally.failed], [8, 3])
  assert.equal(tally.reasons, 'reset 2, refused 1')
  assert.equal(new Tally().reasons, 'none')
})

test('a failure is named by what happened to its connection', () => {
  assert.equal(failureReason('ECONNREFUSED', false), 'refused')
  assert.equal(failureReason('ECONNRESET', false), 'reset')
  assert.equal(failureReason('ECONNRESET', true), 'cut short')
  assert.equal(failureReason(undefined, false), 'closed without an answer')
  assert.equal(failureReason(undefined, true), 'cut short')
  assert.equal(failureReason('EHOSTUNREACH', false), 'other')
})
