import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { moveDelays, processMetrics } from './process-metrics.ts'
import { MetricsRegistry } from './registry.ts'
import type { FamilySnapshot } from './snapshot.ts'

function families (registry: MetricsRegistry): Map<string, FamilySnapshot> {
  return new Map(registry.snapshot().families.map((family) => [family.name, family]))
}

test('memory, processor time and start are read when a snapshot is taken', (t) => {
  const registry = new MetricsRegistry()
  t.after(processMetrics(registry, { clock: manualClock(1_700_000_000_000) }))
  const found = families(registry)
  const value = (name: string): number => found.get(name)?.values[0] ?? Number.NaN
  assert.ok(value('process_resident_memory_bytes') > 10e6)
  assert.ok(value('nodejs_heap_size_used_bytes') > 1e6)
  assert.ok(value('nodejs_heap_size_total_bytes') >= value('nodejs_heap_size_used_bytes'))
  assert.ok(value('process_cpu_seconds_total') > 0)
  assert.ok(Math.abs(value('process_start_time_seconds') + process.uptime() - 1_700_000_000) < 5)
  assert.deepEqual(found.get('process_cpu_seconds_total')?.labelValues, ['user', 'system'])
})

test("the loop's utilization stands when two snapshots follow within 100 ms, and is read again later", async (t) => {
  const clock = manualClock()
  const registry = new MetricsRegistry()
  t.after(processMetrics(registry, { clock }))
  const active = (): number =>
    families(registry).get('nodejs_eventloop_time_seconds_total')?.values[0] ?? Number.NaN
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(99)
  assert.equal(active(), 0)
  clock.advance(1)
  assert.ok(active() > 0)
  const utilization = families(registry).get('nodejs_eventloop_utilization')?.values[0] ?? Number.NaN
  assert.ok(utilization >= 0 && utilization <= 1)
})

test('a collection is counted as garbage collection of its kind', async (t) => {
  const registry = new MetricsRegistry()
  t.after(processMetrics(registry))
  const pressure: unknown[] = []
  for (let turn = 0; turn < 200 && collections(registry) === 0; turn++) {
    for (let n = 0; n < 20_000; n++) pressure[n % 100] = { n, text: `${n}` }
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(collections(registry) > 0)
})

function collections (registry: MetricsRegistry): number {
  const family = families(registry).get('nodejs_gc_duration_seconds')
  if (family === undefined) return 0
  const width = family.bounds.length + 2
  return family.values.filter((_, at) => at % width !== width - 1).reduce((sum, count) => sum + count, 0)
}

test('loop delays lose the measuring interval, keep their number, and start anew', () => {
  const registry = new MetricsRegistry()
  const slot = registry.histogram({ name: 'delay_seconds', help: 'Delays.', bounds: [0.001, 0.05] }).slot()
  let resets = 0
  moveDelays({
    count: 10,
    percentiles: new Map([[0, 19e6], [50, 20.5e6], [90, 60e6], [100, 1_020e6]]),
    reset: () => resets++,
  }, slot)
  const values = [...registry.snapshot().families[0]?.values ?? []]
  assert.deepEqual(values.slice(0, 3), [5, 4, 1])
  assert.ok(Math.abs((values[3] ?? 0) - (5 * 0.0005 + 4 * 0.04 + 1)) < 1e-9)
  assert.equal(resets, 1)
})

test('stopping twice is harmless, and nothing is measured after it', () => {
  const clock = manualClock()
  const registry = new MetricsRegistry()
  const stop = processMetrics(registry, { clock })
  stop()
  stop()
  assert.equal(families(registry).get('process_resident_memory_bytes')?.values[0], 0)
})
