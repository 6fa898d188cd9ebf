import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './clock.ts'
import { manualClock } from './manual-clock.ts'
import { uuidOf, uuidTimeMs, uuidv7 } from './uuid.ts'

test('ids of one process are different, and sort by the order in which they were made', () => {
  const ids = Array.from({ length: 20_000 }, () => uuidv7())
  assert.deepEqual(ids.toSorted(), ids)
  assert.equal(new Set(ids).size, ids.length)
})

test('an id has the form of version 7, and tells its time', () => {
  const clock = manualClock()
  const uuid = uuidv7(clock)
  assert.match(uuid, /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  assert.equal(uuidTimeMs(uuid), Math.floor(clock.epochMs()))
})

test('a clock that steps back makes no smaller ids', () => {
  let nowMs = 1_000_000
  const clock: Clock = { ...manualClock(), epochMs: () => nowMs }
  const first = uuidv7(clock)
  nowMs -= 500
  const ids = Array.from({ length: 10_000 }, () => uuidv7(clock))
  assert.deepEqual([first, ...ids].toSorted(), [first, ...ids])
  nowMs += 600_000
  assert.equal(uuidTimeMs(uuidv7(clock)), nowMs)
})

test('a UUID of any version is known, in any case, and nothing else is', () => {
  const id = uuidv7()
  assert.equal(uuidOf(id), id)
  assert.equal(uuidOf('F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6'), 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6')
  for (const text of ['', 'x', `${id}0`, ` ${id}`, id.replaceAll('-', ''), id.replace(/.$/, 'g')])
    assert.equal(uuidOf(text), undefined, text)
})
