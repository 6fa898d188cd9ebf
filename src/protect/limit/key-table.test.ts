import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, SettingError } from '../../kernel/index.ts'
import { KeyTable, noRoom } from './key-table.ts'

/** Takes an entry for each key, live for ever; answers how many found no room. */
function fill (table: KeyTable, from: number, to: number): number {
  let refused = 0
  for (let key = from; key < to; key++) {
    const entry = table.locate(1, `key-${key}`, 0)
    if (entry === noRoom) refused++
    else table.expiresAtMs[entry] = Number.POSITIVE_INFINITY
  }
  return refused
}

test('a key keeps its entry while it is live, whatever number of others come', () => {
  const table = new KeyTable(1024, [1, 2])
  const held = new Map<string, number>()
  for (let key = 0; key < 300; key++) {
    const entry = table.locate(1, `held-${key}`, 0)
    table.expiresAtMs[entry] = 100
    held.set(`held-${key}`, entry)
  }
  for (let key = 0; key < 100_000; key++) {
    const entry = table.locate(1, `flood-${key}`, 50)
    if (entry !== noRoom) table.expiresAtMs[entry] = key % 3 === 0 ? 60 : 0
  }
  for (const [key, entry] of held) {
    assert.equal(table.locate(1, key, 99), entry)
    assert.equal(table.isNew, false)
  }
})

test('an entry is free for others once it has expired, and not before', () => {
  const table = new KeyTable(64, [1, 2])
  fill(table, 0, 10_000) // full
  assert.equal(table.locate(1, 'new', 1_000), noRoom)
  table.expiresAtMs.fill(1_000)
  assert.equal(table.locate(1, 'new', 999), noRoom)
  assert.notEqual(table.locate(1, 'new', 1_000), noRoom)
  assert.equal(table.isNew, true)
})

test('a key that was sent to its second set is found there after room came up in the first', () => {
  const table = new KeyTable(128, [1, 2])
  const entries = new Map<string, number>()
  for (let key = 0; key < 120; key++) {
    const entry = table.locate(1, `key-${key}`, 0)
    if (entry === noRoom) continue
    entries.set(`key-${key}`, entry)
    table.expiresAtMs[entry] = 100
  }
  for (const [key, entry] of entries) table.expiresAtMs[entry] = Number(key.slice(4)) % 2 === 0 ? 0 : 100
  for (const [key, entry] of entries) {
    if (Number(key.slice(4)) % 2 === 0) continue
    assert.equal(table.locate(1, key, 50), entry)
    assert.equal(table.find(1, key), entry)
  }
})

test('the same key of another limit has an entry of its own', () => {
  const table = new KeyTable(64, [1, 2])
  const one = table.locate(1, 'a', 0)
  table.expiresAtMs[one] = 1
  assert.notEqual(table.locate(2, 'a', 0), one)
})

test('the odds of no room: 1 in 10,000 at three eighths of the keys, 1 in 700 at half, 1 in 14 at three quarters', () => {
  const random = seededRandom(7)
  const keys = 2 ** 17
  const step = keys / 64
  const refused = new Map([[3 / 8, 0], [1 / 2, 0], [3 / 4, 0]])
  const tables = 4
  for (let round = 0; round < tables; round++) {
    const table = new KeyTable(keys, [random() * 2 ** 32, random() * 2 ** 32])
    let filled = 0
    for (const [share, before] of refused) {
      fill(table, filled, share * keys - step)
      filled = share * keys
      refused.set(share, before + fill(table, filled - step, filled))
    }
  }
  const [low, half, high] = [...refused.values()].map((count) => count / (tables * step))
  assert.ok(low! <= 1 / 2_000, String(low)) // 8,192 tries: 4 refused would be many
  assert.ok(half! > 1 / 2_000 && half! < 1 / 300, String(half))
  assert.ok(high! > 1 / 20 && high! < 1 / 10, String(high))
})

test('its size is fixed: 32 bytes a key, in powers of two', () => {
  const table = new KeyTable(1_000, [1, 2])
  assert.deepEqual([table.keys, table.bytes], [1_024, 32_768])
  fill(table, 0, 50_000)
  assert.deepEqual([table.keys, table.bytes], [1_024, 32_768])
  assert.equal(table.liveShare(0), 1)
})

test('a size that cannot be is told', () => {
  for (const keys of [0, 63, 2 ** 28 + 1, Number.NaN])
    assert.throws(() => new KeyTable(keys, [1, 2]), SettingError)
})
