import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { loopHeadroom } from './headroom.ts'

test('headroom is the free share of the loop since the last reading, read at most four times a second', () => {
  const clock = manualClock()
  let utilization = 0.25
  let reads = 0
  const headroom = loopHeadroom(clock, () => {
    reads++
    return { idle: 0, active: 0, utilization }
  })
  assert.equal(headroom(), 1)
  clock.advance(250)
  assert.equal(headroom(), 0.75)
  utilization = 0.9
  const before = reads
  clock.advance(100)
  assert.equal(headroom(), 0.75)
  assert.equal(reads, before)
  clock.advance(150)
  assert.ok(Math.abs(headroom() - 0.1) < 1e-9)
})
