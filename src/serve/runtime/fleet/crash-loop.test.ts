import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Crash, CrashLoop } from './crash-loop.ts'

const options = { baseMs: 200, capMs: 5_000, giveUpAfter: 0 }

/** A worker that fails while it boots, started when the one before it had failed. */
function failedBoot (nowMs: number, bootMs = 100): Crash {
  return { startedAtMs: nowMs - bootMs, nowMs }
}

test('the first crash is replaced at once, then the upper end of the wait doubles up to the cap', () => {
  const loop = new CrashLoop(() => 1)
  const waits = [1, 2, 3, 4, 5, 6, 7].map((time) => loop.crashed(failedBoot(time * 1_000), options).waitMs)
  assert.deepEqual(waits, [0, 200, 400, 800, 1_600, 3_200, 5_000])
})

test('waits are drawn over the whole range, so that replicas do not crash in step', () => {
  const loop = new CrashLoop(() => 0.25)
  loop.crashed(failedBoot(0), options)
  assert.equal(loop.crashed(failedBoot(1_000), options).waitMs, 50)
})

test('a worker that had been ready for the cap begins a new row, a younger one goes on with it', () => {
  const loop = new CrashLoop(() => 0)
  loop.crashed(failedBoot(0), options)
  assert.equal(loop.crashed({ startedAtMs: 10, readyAtMs: 1_000, nowMs: 5_999 }, options).crashes, 2)
  assert.equal(loop.crashed({ startedAtMs: 6_000, readyAtMs: 7_000, nowMs: 12_000 }, options).crashes, 1)
})

test('boots that fail slowly are a loop too', () => {
  const loop = new CrashLoop(() => 0)
  const crashes = [1, 2, 3].map((time) => loop.crashed(failedBoot(time * 60_000, 30_000), options).crashes)
  assert.deepEqual(crashes, [1, 2, 3])
})

test('it gives up after the given number of crashes in a row', () => {
  const loop = new CrashLoop(() => 0)
  const decisions = [1, 2, 3].map((time) =>
    loop.crashed(failedBoot(time * 1_000), { ...options, giveUpAfter: 3 }).giveUp
  )
  assert.deepEqual(decisions, [false, false, true])
})

test('workers older than the last crash that die soon after it die in its wave, and lengthen no wait', () => {
  const loop = new CrashLoop(() => 1)
  const old = { startedAtMs: 0, readyAtMs: 500 }
  assert.equal(loop.crashed({ ...old, nowMs: 60_000 }, options).crashes, 1)
  assert.deepEqual(loop.crashed({ ...old, nowMs: 60_100 }, options), { crashes: 1, waitMs: 0, giveUp: false })
  assert.equal(loop.crashed(failedBoot(60_300), options).crashes, 2)
  assert.equal(loop.crashed({ ...old, nowMs: 600_000 }, options).crashes, 1)
})
