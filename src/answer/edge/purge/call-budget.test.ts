import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../../kernel/index.ts'
import { CallBudget } from './call-budget.ts'

test('a burst is free, then a call waits until it is earned; nobody earns more than the burst', () => {
  const clock = manualClock()
  const budget = new CallBudget(
    { keysPerCall: 1, bytesPerCall: 1, soft: true, callsPerSecond: 2, burst: 3 },
    clock
  )
  for (let i = 0; i < 3; i++) {
    assert.equal(budget.waitMs(), 0)
    budget.take()
  }
  assert.equal(budget.waitMs(), 500)
  clock.advance(490)
  assert.ok(budget.waitMs() >= 10)
  clock.advance(11)
  assert.equal(budget.waitMs(), 0)
  clock.advance(60_000)
  for (let i = 0; i < 3; i++) budget.take()
  assert.equal(budget.waitMs(), 500)
})
