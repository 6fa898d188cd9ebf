import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTime } from './clock.ts'
import { manualClock } from './manual-clock.ts'

test('work that ends in time gives its result, or throws, and leaves no timer behind', async () => {
  const clock = manualClock()
  assert.equal(await inTime(clock, 1_000, Promise.resolve(7)), 7)
  await assert.rejects(inTime(clock, 1_000, Promise.reject(new Error('no'))), /no/)
  assert.equal(clock.pending(), 0)
})

test('work that is late is not waited for, and may fail unheard', async () => {
  const clock = manualClock()
  const work = Promise.withResolvers<number>()
  const waited = inTime(clock, 1_000, work.promise)
  clock.advance(1_000)
  assert.equal(await waited, undefined)
  work.reject(new Error('nobody hears this'))
})
