import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JourneyAnswer } from '../../src/plan/load/index.ts'
import insistent from './retry-traffic.ts'

const answer = (statusCode: number): JourneyAnswer => ({
  statusCode,
  expected: statusCode === 200,
  headers: new Map(),
  body: new Uint8Array(),
})

/** How often a client sends, when it gets these answers. */
function sent (...statuses: readonly number[]): number {
  const source = insistent({ input: { path: '/', retries: 3 }, thread: 0, threads: 1 })
  const steps = source.next(0, () => 0)
  let step = steps.next()
  let count = 0
  for (const status of statuses) {
    if (step.done === true) break
    count++
    step = steps.next(answer(status))
  }
  return step.done === true ? count : Infinity
}

test('a client that is refused sends again at once, up to three times', () => {
  assert.equal(sent(503, 503, 503, 503, 503), 4)
})

test('a client that is served sends no more', () => {
  assert.equal(sent(200), 1)
  assert.equal(sent(503, 200, 200), 2)
})
