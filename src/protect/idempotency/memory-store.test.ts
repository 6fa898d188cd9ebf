import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ManualClock, manualClock } from '../../kernel/index.ts'
import { memoryIdempotencyStore } from './memory-store.ts'
import {
  claimOf,
  someAnswer,
  someKey,
  type StoreUnderTest,
  take,
  testKeepMs,
  testLeaseMs,
} from './store-under-test.fixture.ts'
import { testIdempotencyStore } from './store.contract.ts'
import type { IdempotencyStore } from './store.ts'

testIdempotencyStore('memory', async () => perKey(), { runs: 300 })

test('memory: what has expired is swept, what runs is not', async () => {
  const clock = manualClock()
  await using store = memoryIdempotencyStore({ clock })
  for (let count = 0; count < 3; count++) {
    const key = someKey()
    await store.settle(await take(store, key), someAnswer)
  }
  clock.advance(testKeepMs - 1)
  const running = someKey()
  await store.claim(claimOf(running))
  assert.equal(await store.sweep(10), 0)
  clock.advance(1)
  assert.equal(await store.sweep(2), 2)
  assert.equal(await store.sweep(2), 1)
  assert.equal((await store.claim(claimOf(running))).kind, 'held')
})

/** A store with a clock for each key, since a manual clock moves for all that it times alike. */
function perKey (): StoreUnderTest {
  const parts = new Map<string, { clock: ManualClock; store: IdempotencyStore }>()
  const partOf = (key: Buffer): { clock: ManualClock; store: IdempotencyStore } => {
    const id = key.toString('hex')
    const known = parts.get(id)
    if (known !== undefined) return known
    const clock = manualClock()
    const part = { clock, store: memoryIdempotencyStore({ clock }) }
    parts.set(id, part)
    return part
  }
  const whole = memoryIdempotencyStore()
  const store: IdempotencyStore = {
    ...whole,
    claim: (claim) => partOf(claim.key).store.claim(claim),
    renew: async (leases, leaseMs) =>
      (await Promise.all(leases.map((lease) => partOf(lease.key).store.renew([lease], leaseMs)))).flat(),
    mark: (lease) => partOf(lease.key).store.mark(lease),
    settle: (lease, answer) => partOf(lease.key).store.settle(lease, answer),
    release: (lease) => partOf(lease.key).store.release(lease),
  }
  return {
    store,
    lapse: async (key) => partOf(key).clock.advance(testLeaseMs),
    expire: async (key) => partOf(key).clock.advance(testKeepMs),
    [Symbol.asyncDispose]: () => whole.close(),
  }
}
