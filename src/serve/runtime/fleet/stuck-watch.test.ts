import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { StuckWatch } from './stuck-watch.ts'

let watch: StuckWatch

beforeEach(() => {
  watch = new StuckWatch({ intervalMs: 1_000, stuckAfterMs: 5_000 })
})

/** Asks each second, as the fleet does, and says who was silent at the end. */
function askUntil (fromMs: number, toMs: number): ReturnType<StuckWatch['silent']> {
  let silent: ReturnType<StuckWatch['silent']> = []
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 1_000) silent = watch.silent(nowMs)
  return silent
}

test('a worker silent for the limit is named with the length of its silence', () => {
  watch.heard(1, 0)
  watch.heard(2, 0)
  assert.deepEqual(askUntil(0, 3_000), [])
  watch.heard(2, 3_500)
  assert.deepEqual(askUntil(4_000, 6_000), [{ worker: 1, silentMs: 6_000 }])
})

test('a worker is not watched before its first sign of life, nor after it is forgotten', () => {
  assert.deepEqual(askUntil(0, 20_000), [])
  watch.heard(1, 20_000)
  watch.forget(1)
  assert.deepEqual(askUntil(21_000, 40_000), [])
})

test('the time in which the supervisor itself did not run counts for nobody', () => {
  watch.heard(1, 0)
  askUntil(0, 2_000)
  assert.deepEqual(watch.silent(3_600_000), [])
  assert.deepEqual(askUntil(3_601_000, 3_603_000), [{ worker: 1, silentMs: 5_000 }])
})
