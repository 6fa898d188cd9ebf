import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { manualClock } from '../../kernel/index.ts'
import { type KeeperParts, openKeeper } from './keeper.ts'

test('a keeper whose database does not answer is drained within its grace', async () => {
  const clock = manualClock()
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<readonly string[]>()
  const store = {
    due () {
      asked.resolve()
      return answer.promise
    },
  }
  const keeper = openKeeper({
    store,
    plans: [],
    vanishedMs: 300_000,
    clock,
    random: () => 0.5,
    logger: { warn () {} },
  } as unknown as KeeperParts)
  await keeper.start()
  clock.advance(0)
  await asked.promise
  let isDrained = false
  const drained = keeper.drain(2_000).then(() => isDrained = true)
  clock.advance(1_999)
  await turn()
  assert.equal(isDrained, false)
  clock.advance(1)
  await drained
  answer.reject(new Error('away'))
})
