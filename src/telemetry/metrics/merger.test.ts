import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock, newTrace, seededRandom } from '../../kernel/index.ts'
import { MetricsMerger } from './merger.ts'
import { MetricsRegistry } from './registry.ts'
import type { GaugeMerge } from './shape.ts'
import type { FamilySnapshot, MetricsSnapshot } from './snapshot.ts'

/** A worker's process: counts under a label, and in a histogram of waits of 1 and 3 seconds. */
class FakeWorker {
  readonly registry: MetricsRegistry = new MetricsRegistry()
  readonly #hits = this.registry.counter({ name: 'hits_total', help: 'Hits.', labels: ['route'] })
  readonly #waits = this.registry.histogram({
    name: 'wait_seconds',
    help: 'Waits.',
    labels: ['route'],
    bounds: [2],
  })

  record (route: string, amount: number): void {
    this.#hits.slot({ route }).add(amount)
    this.#waits.slot({ route }).record(amount % 2 === 0 ? 1 : 3)
  }
}

function familyOf ({ families }: MetricsSnapshot, name: string): FamilySnapshot | undefined {
  return families.find((candidate) => candidate.name === name)
}

/** Numbers by label values; a series with several numbers has them joined. */
function seriesOf (snapshot: MetricsSnapshot, name: string): Record<string, string> {
  const family = familyOf(snapshot, name)
  if (family === undefined) return {}
  const { labels, labelValues, values } = family
  const count = labels.length === 0 ? 1 : labelValues.length / labels.length
  const width = values.length / count
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [
    labelValues.slice(at * labels.length, (at + 1) * labels.length).join(','),
    values.slice(at * width, (at + 1) * width).join(','),
  ]))
}

function total (snapshot: MetricsSnapshot, name: string): number {
  return familyOf(snapshot, name)?.values.reduce((sum, value) => sum + value, 0) ?? 0
}

type Step =
  | { readonly do: 'record'; readonly worker: string; readonly route: string; readonly amount: number }
  | { readonly do: 'update' | 'retire' | 'replace' | 'late'; readonly worker: string }

const workerName = fc.constantFrom('1', '2', '3')
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('record' as const),
    worker: workerName,
    route: fc.constantFrom('/a', '/b', '/c', '/d'),
    amount: fc.integer({ min: 1, max: 1000 }),
  }),
  fc.record({ do: fc.constantFrom('update', 'retire', 'replace', 'late'), worker: workerName })
)

test('totals are the sum of all that was recorded, in any order of update, retire and replace', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const merger = new MetricsMerger()
    const workers = new Map<string, FakeWorker>()
    const sent: [string, MetricsSnapshot][] = []
    const recorded: Record<string, { hits: number; short: number; long: number }> = {}
    let shown = 0

    function send (name: string): void {
      const worker = workers.get(name)
      if (worker === undefined) return
      const snapshot = worker.registry.snapshot()
      sent.push([name, snapshot])
      merger.update(name, snapshot)
    }

    for (const next of steps) {
      const worker = workers.get(next.worker) ?? new FakeWorker()
      workers.set(next.worker, worker)
      if (next.do === 'record') {
        worker.record(next.route, next.amount)
        const sum = recorded[next.route] ??= { hits: 0, short: 0, long: 0 }
        sum.hits += next.amount
        sum[next.amount % 2 === 0 ? 'short' : 'long']++
      } else if (next.do === 'late') {
        for (const [name, snapshot] of sent.toReversed()) merger.update(name, snapshot)
      } else {
        send(next.worker)
        if (next.do === 'retire') merger.retire(next.worker)
        // A successor may show up under the name before anybody has retired the predecessor.
        if (next.do !== 'update') workers.delete(next.worker)
      }
      const now = total(merger.merged(), 'hits_total')
      assert.ok(now >= shown, `the counters fell from ${shown} to ${now}`)
      shown = now
    }
    for (const name of workers.keys()) send(name)

    const merged = merger.merged()
    const entries = Object.entries(recorded)
    assert.deepEqual(
      seriesOf(merged, 'hits_total'),
      Object.fromEntries(entries.map(([route, { hits }]) => [route, String(hits)]))
    )
    assert.deepEqual(
      seriesOf(merged, 'wait_seconds'),
      Object.fromEntries(
        entries.map(([route, { short, long }]) => [route, `${short},${long},${short + 3 * long}`])
      )
    )
  }))
})

function registryWithGauge (merge: GaugeMerge, levels: Readonly<Record<string, number>>): MetricsRegistry {
  const registry = new MetricsRegistry()
  const family = registry.gauge({ name: 'open', help: 'Open.', labels: ['pool'], merge })
  for (const [pool, level] of Object.entries(levels)) family.slot({ pool }).set(level)
  return registry
}

const merges: Readonly<Record<GaugeMerge, Readonly<Record<string, string>>>> = {
  sum: { a: '7', b: '1' },
  max: { a: '5', b: '1' },
  min: { a: '2', b: '1' },
  each: { 'a,1': '5', 'a,2': '2', 'b,2': '1' },
}

for (const [merge, expected] of Object.entries(merges) as [GaugeMerge, Readonly<Record<string, string>>][]) {
  test(`gauges merge by ${merge}, and a retired worker's are gone`, () => {
    const merger = new MetricsMerger()
    merger.update('1', registryWithGauge(merge, { a: 5 }).snapshot())
    merger.update('2', registryWithGauge(merge, { a: 2, b: 1 }).snapshot())
    assert.deepEqual(seriesOf(merger.merged(), 'open'), expected)
    assert.deepEqual(
      familyOf(merger.merged(), 'open')?.labels,
      merge === 'each' ? ['pool', 'worker'] : ['pool']
    )
    merger.retire('2')
    assert.deepEqual(seriesOf(merger.merged(), 'open'), merge === 'each' ? { 'a,1': '5' } : { a: '5' })
  })
}

test('the newest exemplar of a bucket wins, and outlives its worker', () => {
  const clock = manualClock()
  const merger = new MetricsMerger()
  const traces = [1, 2].map((seed) => newTrace(true, seededRandom(seed)))
  for (const [at, trace] of traces.entries()) {
    const registry = new MetricsRegistry({ clock })
    const family = registry.histogram({
      name: 'wait_seconds',
      help: 'Waits.',
      bounds: [2],
      labels: ['route'],
    })
    if (at === 1) family.slot({ route: '/first' })
    family.slot({ route: '/x' }).record(1, trace)
    merger.update(String(at), registry.snapshot())
    clock.advance(10)
  }
  const newest = {
    series: 0,
    bucket: 0,
    value: 1,
    traceId: traces[1]?.traceId,
    spanId: traces[1]?.spanId,
    atMs: 10,
  }
  assert.deepEqual(familyOf(merger.merged(), 'wait_seconds')?.exemplars, [newest])
  merger.retire('1')
  assert.deepEqual(familyOf(merger.merged(), 'wait_seconds')?.exemplars, [newest])
})

test("where a reload changed a shape, the youngest worker's is shown, and the old one comes back with a roll-back", () => {
  const merger = new MetricsMerger()
  const withBounds = (bounds: readonly number[]): MetricsSnapshot => {
    const registry = new MetricsRegistry()
    registry.histogram({ name: 'wait_seconds', help: 'Waits.', bounds }).slot().record(1)
    return registry.snapshot()
  }
  merger.update('1', withBounds([2]))
  merger.update('2', withBounds([2]))
  merger.update('3', withBounds([2, 4]))
  assert.deepEqual(merger.merged().families.map(({ bounds, values }) => [bounds, [...values]]), [
    [[2, 4], [1, 0, 0, 1]],
  ])
  merger.retire('3')
  assert.deepEqual(merger.merged().families.map(({ bounds, values }) => [bounds, [...values]]), [
    [[2], [2, 0, 2]],
  ])
})

test("workers with different series do not add up to more than a family's limit", () => {
  const merger = new MetricsMerger()
  for (const worker of ['1', '2']) {
    const registry = new MetricsRegistry({ seriesLimit: 2 })
    const family = registry.counter({ name: 'hits_total', help: 'Hits.', labels: ['tenant'] })
    for (const tenant of ['a', 'b']) family.slot({ tenant: worker + tenant }).add()
    merger.update(worker, registry.snapshot())
  }
  assert.deepEqual(seriesOf(merger.merged(), 'hits_total'), { '1a': '1', '1b': '1', other: '2' })
})

test('retiring a worker that nobody knows does nothing', () => {
  const merger = new MetricsMerger()
  merger.retire('9')
  assert.deepEqual(merger.merged().families, [])
})
