import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../kernel/index.ts'
import { MetricsRegistry } from './registry.ts'

const help = 'Help.'

function refuses (claim: string, register: (registry: MetricsRegistry) => unknown): void {
  test(`refused: ${claim}`, () => assert.throws(() => register(new MetricsRegistry()), SettingError))
}

refuses('a name that starts with a digit', (r) => r.counter({ name: '5xx_total', help }))
refuses('a name with a dash', (r) => r.counter({ name: 'a-b_total', help }))
refuses('a name with a colon, which is for recording rules', (r) => r.counter({ name: 'a:b_total', help }))
refuses('an empty name', (r) => r.gauge({ name: '', help, merge: 'sum' }))
refuses('a counter without _total', (r) => r.counter({ name: 'hits', help }))
refuses('a gauge that ends in _total', (r) => r.gauge({ name: 'hits_total', help, merge: 'sum' }))
refuses('a histogram that ends in _count', (r) => r.histogram({ name: 'hits_count', help }))
refuses('no help', (r) => r.counter({ name: 'hits_total', help: ' ' }))
refuses(
  'a unit that the name does not end in',
  (r) => r.counter({ name: 'hits_total', help, unit: 'seconds' })
)
refuses('a label with a dash', (r) => r.counter({ name: 'hits_total', help, labels: ['a-b'] }))
refuses('a label that starts with __', (r) => r.counter({ name: 'hits_total', help, labels: ['__name__'] }))
refuses('a label le', (r) => r.histogram({ name: 'wait_seconds', help, labels: ['le'] }))
refuses('a label twice', (r) => r.counter({ name: 'hits_total', help, labels: ['a', 'a'] }))
refuses(
  'a label worker where the merge adds one',
  (r) => r.gauge({ name: 'open', help, labels: ['worker'], merge: 'each' })
)
refuses('no bounds', (r) => r.histogram({ name: 'wait_seconds', help, bounds: [] }))
refuses('bounds that do not rise', (r) => r.histogram({ name: 'wait_seconds', help, bounds: [1, 1] }))
refuses('an infinite bound', (r) => r.histogram({ name: 'wait_seconds', help, bounds: [1, Infinity] }))
refuses('a limit of 0 series', (r) => r.counter({ name: 'hits_total', help, seriesLimit: 0 }))

test("the unit is read from the name, before a counter's _total", () => {
  const registry = new MetricsRegistry()
  assert.equal(registry.counter({ name: 'cpu_seconds_total', help }).shape.unit, 'seconds')
  assert.equal(registry.gauge({ name: 'heap_bytes', help, merge: 'sum' }).shape.unit, 'bytes')
  assert.equal(registry.counter({ name: 'hits_total', help }).shape.unit, undefined)
  assert.equal(registry.counter({ name: 'out_packets_total', help, unit: 'packets' }).shape.unit, 'packets')
})
