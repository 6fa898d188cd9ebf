import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeadlineExceededError, Problem } from '../../kernel/index.ts'
import { StepRefused } from './errors.ts'
import { thrownOutcome } from './thrown-outcome.ts'

function seen (error: unknown, atomic: boolean): unknown[] {
  const outcome = thrownOutcome(error, atomic)
  assert.ok(outcome.kind === 'failed')
  return [outcome.failure.code, outcome.effect, outcome.retryable]
}

const soldOut = new Problem({ code: 'SOLD_OUT', status: 409, title: 'Sold out' })
const busy = new Problem({ code: 'BUSY', status: 429, title: 'Busy' })
const never = Object.assign(new Error('no'), { retryable: false })

test('a refusal is one wherever it is thrown', () => {
  assert.deepEqual(seen(new StepRefused('no', { code: 'NO_ROUTE' }), true), ['NO_ROUTE', 'refused', false])
  assert.deepEqual(seen(new StepRefused('no'), false), ['SAGA_STEP_REFUSED', 'refused', false])
})

test('what a local action throws has had no effect; a problem of the 4xx kind refuses, unless it asks for another try', () => {
  assert.deepEqual(seen(new TypeError('oops'), true), ['TypeError', 'none', true])
  assert.deepEqual(seen(soldOut, true), ['SOLD_OUT', 'refused', false])
  assert.deepEqual(seen(busy, true), ['BUSY', 'none', true])
  assert.deepEqual(seen(never, true), ['Error', 'refused', false])
})

test('what any other action throws leaves its outcome unknown, whatever it is', () => {
  assert.deepEqual(seen(soldOut, false), ['SOLD_OUT', 'unknown', true])
  assert.deepEqual(seen(never, false), ['Error', 'unknown', false])
  assert.deepEqual(seen('text', false), ['SAGA_STEP_FAILED', 'unknown', true])
  assert.deepEqual(seen(new DeadlineExceededError(), false), ['SAGA_STEP_TIMEOUT', 'unknown', true])
})

test('an error says how long to wait, and its message is not kept for ever', () => {
  const outcome = thrownOutcome(Object.assign(new Error('x'.repeat(5_000)), { retryAfterMs: 700 }), false)
  assert.ok(outcome.kind === 'failed')
  assert.deepEqual([outcome.retryAfterMs, outcome.failure.message.length], [700, 1_000])
})
