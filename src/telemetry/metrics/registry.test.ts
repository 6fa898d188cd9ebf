import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deserialize, serialize } from 'node:v8'
import { manualClock, newTrace, seededRandom, SettingError } from '../../kernel/index.ts'
import { MetricsRegistry } from './registry.ts'
import type { FamilySnapshot, MetricsSnapshot } from './snapshot.ts'

function familyOf ({ families }: MetricsSnapshot, name: string): FamilySnapshot {
  const family = families.find((candidate) => candidate.name === name)
  assert.ok(family, `no family ${name}`)
  return family
}

test('the same labels give the same slot, whatever their order', () => {
  const family = new MetricsRegistry().counter({ name: 'hits_total', help: 'Hits.', labels: ['a', 'b'] })
  assert.equal(family.slot({ a: '1', b: '2' }), family.slot({ b: '2', a: '1' }))
  assert.notEqual(family.slot({ a: '1', b: '2' }), family.slot({ a: '2', b: '1' }))
})

test('label values that look alike when joined are different series', () => {
  const family = new MetricsRegistry().counter({ name: 'hits_total', help: 'Hits.', labels: ['a', 'b'] })
  assert.notEqual(family.slot({ a: 'x","y', b: 'z' }), family.slot({ a: 'x', b: 'y","z' }))
})

test('slots made early keep what they counted, and still count, after the family has grown over many pages', () => {
  const registry = new MetricsRegistry()
  const family = registry.counter({ name: 'hits_total', help: 'Hits.', labels: ['n'] })
  const slots = Array.from({ length: 1_500 }, (_, n) => {
    const slot = family.slot({ n: String(n) })
    slot.add()
    return slot
  })
  slots.forEach((slot, n) => slot.add(n + 1))
  const { values, labelValues } = familyOf(registry.snapshot(), 'hits_total')
  assert.deepEqual([...values], slots.map((_, n) => n + 2))
  assert.deepEqual(labelValues, slots.map((_, n) => String(n)))
})

test('a second family of one name and shape is the first; of another shape it is refused', () => {
  const registry = new MetricsRegistry()
  const family = registry.histogram({ name: 'wait_seconds', help: 'Waits.', bounds: [1, 2] })
  assert.equal(registry.histogram({ name: 'wait_seconds', help: 'Other words.', bounds: [1, 2] }), family)
  assert.throws(
    () => registry.histogram({ name: 'wait_seconds', help: 'Waits.', bounds: [1, 3] }),
    SettingError
  )
  assert.throws(() => registry.gauge({ name: 'wait_seconds', help: 'Waits.', merge: 'sum' }), SettingError)
  // OpenMetrics calls both "wait_seconds".
  assert.throws(() => registry.counter({ name: 'wait_seconds_total', help: 'Waits.' }), SettingError)
})

test('a counter ignores what would make it fall or spoil it', () => {
  const registry = new MetricsRegistry()
  const slot = registry.counter({ name: 'hits_total', help: 'Hits.' }).slot()
  slot.add()
  slot.add(2.5)
  for (const bad of [-1, 0, NaN, Infinity]) slot.add(bad)
  assert.deepEqual([...familyOf(registry.snapshot(), 'hits_total').values], [3.5])
})

test('a gauge is 0 until it is set, and then what was set and added', () => {
  const registry = new MetricsRegistry()
  const slot = registry.gauge({ name: 'open', help: 'Open.', merge: 'sum' }).slot()
  assert.deepEqual([...familyOf(registry.snapshot(), 'open').values], [0])
  slot.set(5)
  slot.add(-2)
  assert.deepEqual([...familyOf(registry.snapshot(), 'open').values], [3])
})

test('a histogram counts each value in one bucket and in the sum, and ignores what is not finite', () => {
  const registry = new MetricsRegistry()
  const slot = registry.histogram({ name: 'wait_seconds', help: 'Waits.', bounds: [1, 2] }).slot()
  for (const value of [0.5, 1, 1.5, 9, NaN, Infinity, -Infinity]) slot.record(value)
  slot.recordMany(2, 3)
  slot.recordMany(2, 0)
  assert.deepEqual([...familyOf(registry.snapshot(), 'wait_seconds').values], [2, 4, 1, 18])
})

test('a bucket keeps the last sampled trace as its exemplar', () => {
  const clock = manualClock(5_000)
  const registry = new MetricsRegistry({ clock })
  const family = registry.histogram({ name: 'wait_seconds', help: 'Waits.', bounds: [1, 2], labels: ['a'] })
  family.slot({ a: 'x' })
  const slot = family.slot({ a: 'y' })
  const [first, second] = [newTrace(true, seededRandom(1)), newTrace(true, seededRandom(2))]
  slot.record(1.1, first)
  clock.advance(10)
  slot.record(1.2, second)
  slot.record(1.3, newTrace(false, seededRandom(3)))
  slot.record(1.4)
  assert.deepEqual(familyOf(registry.snapshot(), 'wait_seconds').exemplars, [
    { series: 1, bucket: 1, value: 1.2, traceId: second.traceId, spanId: second.spanId, atMs: 5_010 },
  ])
})

test('beyond the limit label sets share "other", and each refusal counts', () => {
  const registry = new MetricsRegistry({ seriesLimit: 2 })
  const family = registry.counter({ name: 'hits_total', help: 'Hits.', labels: ['tenant', 'kind'] })
  for (const tenant of ['a', 'b', 'c', 'd', 'c']) family.slot({ tenant, kind: 'k' }).add()
  assert.equal(family.slot({ tenant: 'x', kind: 'k' }), family.slot({ tenant: 'other', kind: 'other' }))
  const snapshot = registry.snapshot()
  const { values, labelValues } = familyOf(snapshot, 'hits_total')
  assert.deepEqual(labelValues, ['a', 'k', 'b', 'k', 'other', 'other'])
  assert.deepEqual([...values], [1, 1, 3])
  assert.deepEqual([...familyOf(snapshot, 'plimsoll_metrics_overflow_total').values], [4])
})

test('with a limit of 1 several families overflow, and the report does not overflow itself', () => {
  const registry = new MetricsRegistry({ seriesLimit: 1 })
  for (const name of ['a_total', 'b_total', 'c_total']) {
    const family = registry.counter({ name, help: 'Hits.', labels: ['n'] })
    for (const n of ['1', '2']) family.slot({ n }).add()
  }
  assert.deepEqual(familyOf(registry.snapshot(), 'plimsoll_metrics_overflow_total').labelValues, [
    'a_total',
    'b_total',
    'c_total',
  ])
})

test('missing, unknown and non-text labels are refused', () => {
  const family = new MetricsRegistry().counter({ name: 'hits_total', help: 'Hits.', labels: ['route'] })
  assert.throws(() => family.slot(), /label route of metric hits_total must be a text/)
  assert.throws(() => family.slot({ route: 'x', tenant: 'y' } as never), /must be one of route, got "tenant"/)
  assert.throws(() => family.slot({ route: 5 as never }), SettingError)
})

test('collectors run before each snapshot; one that throws is counted and holds nothing up', () => {
  const registry = new MetricsRegistry()
  const slot = registry.gauge({ name: 'open', help: 'Open.', merge: 'sum' }).slot()
  registry.onCollect(() => {
    throw new Error('broken')
  })
  const cancel = registry.onCollect(() => slot.add(1))
  registry.snapshot()
  const snapshot = registry.snapshot()
  assert.deepEqual([...familyOf(snapshot, 'open').values], [2])
  assert.deepEqual([...familyOf(snapshot, 'plimsoll_metrics_collect_failures_total').values], [2])
  cancel()
  assert.deepEqual([...familyOf(registry.snapshot(), 'open').values], [2])
})

test('a snapshot survives the way to another process, and later records do not change it', () => {
  const registry = new MetricsRegistry()
  const slot = registry.histogram({ name: 'wait_seconds', help: 'Waits.', labels: ['a'] }).slot({ a: 'x' })
  slot.record(0.3, newTrace(true, seededRandom(1)))
  const snapshot = registry.snapshot()
  const received = deserialize(serialize(snapshot))
  slot.record(0.3)
  assert.deepEqual(received, snapshot)
  assert.deepEqual(structuredClone(snapshot), snapshot)
})
