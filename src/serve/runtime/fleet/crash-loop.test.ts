import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CrashLoop } from './crash-loop.ts'

const options = { baseMs: 200, capMs: 5_000, giveUpAfter: 0 }

test('the first crash is replaced at once, then the upper end of the wait doubles up to the cap', () => {
  const loop = new CrashLoop(() => 1)
  const waits = Array.from({ length: 7 }, () => loop.crashed(0, 0, options).waitMs)
  assert.deepEqual(waits, [0, 200, 400, 800, 1_600, 3_200, 5_000])
})

test('waits are drawn over the whole range, so that replicas do not crash in step', () => {
  const loop = new CrashLoop(() => 0.25)
  loop.crashed(0, 0, options)
  assert.equal(loop.crashed(0, 0, options).waitMs, 50)
})

test('a fleet that held longer than the cap has recovered', () => {
  const loop = new CrashLoop(() => 0)
  loop.crashed(0, 0, options)
  assert.equal(loop.crashed(4_999, 4_999, options).crashes, 2)
  assert.equal(loop.crashed(4_999 + 5_000, 4_999 + 5_000, options).crashes, 1)
})

test('the wait itself does not count as holding', () => {
  const loop = new CrashLoop(() => 1)
  for (let i = 0; i < 6; i++) loop.crashed(0, 0, options)
  assert.equal(loop.crashed(0, 0, options).waitMs, 5_000)
  assert.equal(loop.crashed(5_100, 5_100, options).crashes, 8)
})

test('it gives up after the given number of crashes in a row', () => {
  const loop = new CrashLoop(() => 0)
  const decisions = [1, 2, 3].map(() => loop.crashed(0, 0, { ...options, giveUpAfter: 3 }).giveUp)
  assert.deepEqual(decisions, [false, false, true])
})

test('workers older than the last crash die in its wave, and lengthen no wait', () => {
  const loop = new CrashLoop(() => 1)
  assert.equal(loop.crashed(0, 60_000, options).crashes, 1)
  assert.deepEqual(loop.crashed(0, 60_100, options), { crashes: 1, waitMs: 0, giveUp: false })
  assert.equal(loop.crashed(60_200, 60_300, options).crashes, 2)
})
