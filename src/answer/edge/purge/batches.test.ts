import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EdgeKeys } from '../policy/index.ts'
import { batchesOf } from './batches.ts'
import type { PurgeLimits } from './edge-purger.ts'
import type { PurgeJob } from './purge-queue.ts'

const limits: PurgeLimits = { keysPerCall: 3, bytesPerCall: 1_000, callsPerSecond: 1, burst: 1, soft: true }
let made = 0
const job = (tag: string, mode: 'soft' | 'hard' = 'soft'): PurgeJob => ({
  id: String(made++),
  purger: 'p',
  tag,
  mode,
  pass: 1,
  tries: 1,
  ageMs: 0,
})

test('a tag that waits twice is purged once, and hard where one of them is', () => {
  const jobs = [job('a'), job('b'), job('a', 'hard')]
  const batches = batchesOf(jobs, limits, new EdgeKeys())
  assert.deepEqual(batches.map(({ mode, keys }) => [mode, keys]), [['hard', ['a']], ['soft', ['b']]])
  assert.equal(batches[0]?.jobs.length, 2)
})

test('an edge without soft purges gets hard ones', () => {
  const [batch] = batchesOf([job('a')], { ...limits, soft: false }, new EdgeKeys())
  assert.equal(batch?.mode, 'hard')
})

test('a call is full when its keys have as many bytes as the edge takes, separators included', () => {
  const tags = ['a', 'b', 'c'].map((tag) => tag.repeat(9))
  const sizes = (bytesPerCall: number): number[] =>
    batchesOf(tags.map((tag) => job(tag)), { ...limits, bytesPerCall }, new EdgeKeys()).map(({ keys }) =>
      keys.length
    )
  assert.deepEqual(sizes(30), [3])
  assert.deepEqual(sizes(29), [2, 1])
})

test('every job is in one call, with all its keys, and every call is within the limits', () => {
  const keys = new EdgeKeys({ whenTooMany: 'fold' })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ maxLength: 60 }), fc.constantFrom('soft', 'hard')), { maxLength: 80 }),
      fc.integer({ min: 2, max: 20 }),
      fc.integer({ min: 300, max: 2_000 }),
      (wanted, keysPerCall, bytesPerCall) => {
        const jobs = wanted.map(([tag, mode]) => job(tag, mode))
        const batches = batchesOf(jobs, { ...limits, keysPerCall, bytesPerCall }, keys)
        const ids = batches.flatMap((batch) => batch.jobs.map(({ id }) => id))
        assert.deepEqual(ids.toSorted(), jobs.map(({ id }) => id).toSorted())
        for (const batch of batches) {
          assert.ok(batch.keys.length <= keysPerCall)
          assert.ok(batch.keys.join(' ').length < bytesPerCall)
          assert.equal(new Set(batch.keys).size, batch.keys.length)
          for (const { tag } of batch.jobs) {
            for (const key of keys.toPurge([tag])) assert.ok(batch.keys.includes(key))
          }
        }
      }
    ),
    { numRuns: 100 }
  )
})
