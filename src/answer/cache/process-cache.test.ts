import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processCache } from './process-cache.ts'
import { testSharedCache } from './shared-cache.contract.ts'

testSharedCache('process', async () => {
  const cache = processCache()
  return {
    keepsEntries: false,
    join: async () => cache,
    [Symbol.asyncDispose]: () => cache.close(),
  }
})

test('process: a tag that was forgotten for room counts as purged, so that nothing outlives its purge', async () => {
  await using cache = processCache({ maxTags: 2 })
  const { purges } = cache
  const first = await purges.purge(['a'], 'hard')
  await purges.purge(['b'], 'soft')
  assert.equal(purges.goneSince('never'), 0)
  await purges.purge(['c'], 'soft')
  assert.ok(purges.goneSince('a') >= first.sequence)
  assert.ok(purges.goneSince('never') >= first.sequence)
  assert.equal(purges.staleSince('never'), 0, 'a soft purge ends nothing, a hard one does not make stale')
})
