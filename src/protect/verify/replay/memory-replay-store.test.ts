import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../../kernel/index.ts'
import { memoryReplayStore } from './memory-replay-store.ts'
import { testReplayStore } from './store.contract.ts'

testReplayStore('memory', async () => {
  const clock = manualClock()
  const store = memoryReplayStore({ clock })
  return {
    store,
    pass: async (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => store.close(),
  }
})

test('full, it says so and forgets nothing', () => {
  const clock = manualClock()
  const store = memoryReplayStore({ capacity: 1_000, clock })
  for (let at = 0; at < 1_000; at++) assert.equal(store.remember(`n${at}`, 60_000), 'new')
  for (let at = 0; at < 500; at++) assert.equal(store.remember(`more${at}`, 60_000), 'full')
  for (let at = 0; at < 1_000; at++) assert.equal(store.remember(`n${at}`, 60_000), 'seen')
})

test('full of what has expired behind some that have not, it finds room', () => {
  const clock = manualClock()
  const store = memoryReplayStore({ capacity: 1_000, clock })
  for (const key of ['long', 'longer', 'longest']) store.remember(key, 60_000)
  for (let at = 3; at < 1_000; at++) store.remember(`n${at}`, 10)
  clock.advance(10)
  assert.equal(store.remember('next', 10), 'new')
  assert.equal(store.remember('long', 10), 'seen')
})

test('a capacity that is none stops the boot', () => {
  for (const capacity of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => memoryReplayStore({ capacity }), { code: 'SETTING_INVALID' })
  }
})
