import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock, SettingError } from '../../../kernel/index.ts'
import { memoryPurgeQueue } from './memory-queue.ts'
import { testPurgeQueue } from './purge-queue.contract.ts'

testPurgeQueue('memory', async () => {
  const clock = manualClock()
  return {
    queue: memoryPurgeQueue({ clock }),
    async pass (ms) {
      clock.advance(ms)
    },
    async [Symbol.asyncDispose] () {},
  }
})

test('memory: a full queue says so, and takes nothing of what did not fit', async () => {
  const queue = memoryPurgeQueue({ limit: 2 })
  const purges = ['a', 'b', 'c'].map((tag) => ({ purger: 'p', tag, mode: 'soft' as const }))
  await assert.rejects(queue.enqueue(undefined, purges), { code: 'EDGE_PURGE_QUEUE_FULL' })
  assert.deepEqual(await queue.depths(), [])
  assert.throws(() => memoryPurgeQueue({ limit: 0 }), SettingError)
})
