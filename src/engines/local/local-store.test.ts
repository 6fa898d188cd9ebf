import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { LocalStore } from './local-store.ts'

const wide = { maxEntries: 1_000, maxBytes: 1_000_000 }

test('over its entries it forgets the least recently used, where reading is a use', () => {
  const store = new LocalStore(manualClock(), { ...wide, maxEntries: 2 })
  store.set('a', '1')
  store.set('b', '2')
  store.get('a')
  store.set('c', '3')
  assert.deepEqual([store.get('a'), store.get('b'), store.get('c')], ['1', undefined, '3'])
})

test('over its bytes it forgets as many as it must, and refuses what would never fit', () => {
  const store = new LocalStore(manualClock(), { ...wide, maxBytes: 1_000 })
  for (const key of ['a', 'b', 'c']) store.set(key, 'x'.repeat(100))
  store.set('d', 'x'.repeat(300))
  assert.deepEqual([store.get('a'), store.get('b'), store.get('c')], [undefined, undefined, undefined])
  assert.throws(() => store.set('e', 'x'.repeat(500)), { code: 'LOCAL_VALUE', key: 'e' })
  assert.notEqual(store.get('d'), undefined)
})

test('expired keys that nobody reads are found by later writes, without a timer', () => {
  const clock = manualClock()
  const store = new LocalStore(clock, wide)
  for (let key = 0; key < 500; key++) store.set(`old ${key}`, '1', 10)
  clock.advance(10)
  for (let write = 0; write < 600; write++) store.set('new', '1')
  assert.equal(store.size, 1)
  assert.equal(clock.pending(), 0)
})

test('it stays within its limits, and counts its bytes right, whatever is done', () => {
  const operation = fc.record({
    kind: fc.constantFrom('set', 'get', 'delete', 'increment', 'swap', 'wait'),
    key: fc.constantFrom('a', 'bb', 'ccc', 'dddd'),
    size: fc.integer({ min: 1, max: 200 }),
  })
  fc.assert(fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
    const clock = manualClock()
    const limits = { maxEntries: 3, maxBytes: 900 }
    const store = new LocalStore(clock, limits)
    for (const { kind, key, size } of operations) {
      if (kind === 'set') store.set(key, '1'.repeat(size), size)
      else if (kind === 'get') store.get(key)
      else if (kind === 'delete') store.delete(key)
      else if (kind === 'increment' && (store.get(key)?.length ?? 0) < 15) store.increment(key, size)
      else if (kind === 'swap') store.compareAndSet(key, store.get(key), '2')
      else clock.advance(size / 4)
      assert.ok(store.size <= limits.maxEntries && store.bytes <= limits.maxBytes)
    }
    for (const key of ['a', 'bb', 'ccc', 'dddd']) store.delete(key)
    assert.deepEqual([store.size, store.bytes], [0, 0])
  }))
})
