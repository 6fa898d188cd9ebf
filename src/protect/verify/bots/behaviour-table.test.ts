import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../kernel/index.ts'
import { BehaviourTable } from './behaviour-table.ts'
import { hashText } from './hash-text.ts'

test('different paths are estimated within a third, up to 150 of them', () => {
  for (const real of [5, 20, 60, 100, 150]) {
    const table = new BehaviourTable(64, 60_000, 9)
    let slot = 0
    for (let at = 0; at < real * 3; at++) slot = table.arrived('client', `/path/${at % real}`, false, at)
    const estimate = table.paths(slot)
    assert.ok(Math.abs(estimate - real) <= real / 3, `${estimate} for ${real}`)
  }
})

test('the variation of gaps is 0 for a timer and near 1 for chance', () => {
  const table = new BehaviourTable(64, Infinity, 9)
  const random = seededRandom(5)
  let even = 0
  let chance = 0
  let nowMs = 0
  const seen: number[] = []
  for (let at = 0; at < 500; at++) {
    even = table.arrived('even', '/', false, at * 250)
    nowMs -= Math.log(1 - random()) * 250
    chance = table.arrived('chance', '/', false, nowMs)
    if (at > 50) seen.push(table.gapVariation(chance))
  }
  assert.ok(table.gapVariation(even) < 1e-6)
  const mean = seen.reduce((sum, one) => sum + one, 0) / seen.length
  assert.ok(mean > 0.7 && mean < 1.2, String(mean))
  assert.ok(Math.min(...seen) > 0.3, 'chance never looks like a timer')
})

test('the hash spreads keys that differ in one character, under any seed', () => {
  for (const seed of [0, 1, 0xffffffff]) {
    const buckets = new Uint32Array(64)
    for (let at = 0; at < 64_000; at++) buckets[hashText(`10.0.${at >> 8}.${at & 255}`, seed) & 63]! += 1
    assert.ok(Math.min(...buckets) > 800 && Math.max(...buckets) < 1_200, buckets.join(' '))
  }
})

test('a capacity that is no power of two stops the boot', () => {
  for (const capacity of [0, 2, 1_000, 1.5]) {
    assert.throws(() => new BehaviourTable(capacity, 1, 1), { code: 'SETTING_INVALID' })
  }
})
