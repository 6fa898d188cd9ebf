import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Occupant } from './ledger.ts'
import { secondsUntilRoom, secondsUntilTurn } from './room.ts'

const nowMs = 1_000_000

function occupant (more: Partial<Occupant>): Occupant {
  return {
    state: 'running',
    rows: 0,
    estimatedRows: null,
    startedAtMs: nowMs,
    nowMs,
    bytes: 0,
    ...more,
  } as Occupant
}

/** One that has run for so long, and has this share of its rows. */
function running (seconds: number, share: number): Occupant {
  return occupant({ startedAtMs: nowMs - seconds * 1_000, rows: share * 1_000, estimatedRows: 1_000 })
}

test('the next turn is when so many have ended, as they get on, that one may begin', () => {
  const fast = running(30, 0.75) // 10 s left
  const slow = running(60, 0.5) // 60 s left
  assert.equal(secondsUntilTurn([slow, fast], 2), 10)
  assert.equal(secondsUntilTurn([slow, fast], 1), 60)
  assert.equal(secondsUntilTurn([slow, fast, occupant({ state: 'done' })], 2), 10)
})

test('one that waits counts half a minute, one without progress as long again, none more than five minutes', () => {
  assert.equal(secondsUntilTurn([occupant({ state: 'queued', startedAtMs: null })], 1), 30)
  assert.equal(secondsUntilTurn([running(20, 0)], 1), 20)
  assert.equal(secondsUntilTurn([running(0, 0)], 1), 1)
  assert.equal(secondsUntilTurn([running(3_600, 0.01)], 1), 300)
})

test('room is there when enough files have been deleted, and upkeep has come', () => {
  const kept = (bytes: number, seconds: number): Occupant =>
    occupant({ state: 'done', bytes, sweepAtMs: nowMs + seconds * 1_000 })
  const files = [kept(10, 5_000), kept(60, 100), kept(50, 200)]
  assert.equal(secondsUntilRoom(files, 120), 160)
  assert.equal(secondsUntilRoom(files, 100), 160)
  assert.equal(secondsUntilRoom(files, 60), 260)
  assert.equal(secondsUntilRoom(files, 5), 5_060)
  assert.equal(secondsUntilRoom([kept(10, -5)], 5), 60)
  // What was cancelled takes none; what is under way will not go before it has ended and expired.
  assert.equal(
    secondsUntilRoom([...files, occupant({ state: 'cancelled', bytes: 1_000, sweepAtMs: 0 })], 100),
    160
  )
  assert.equal(secondsUntilRoom([occupant({ bytes: 10, sweepAtMs: null })], 5), 3_600)
})
