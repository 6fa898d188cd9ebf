import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { MetricsRegistry, type MetricsSnapshot, renderMetrics } from '../../telemetry/index.ts'
import { FleetMetrics } from './fleet-metrics.ts'
import { FakeHost, fleetSettings } from './fleet/fake-host.fixture.ts'
import { Fleet, type FleetWorker } from './fleet/index.ts'

function measured () {
  const clock = manualClock()
  const host = new FakeHost()
  const fleet = new Fleet({
    host,
    module: new URL('file:///service.ts'),
    mode: 'serve',
    clock,
    report: (event) => metrics.note(event),
    onMessage: (worker, message) => metrics.heard(worker, message),
    onGone: (worker) => metrics.gone(worker),
  }, { settings: fleetSettings(), size: 2 })
  const metrics: FleetMetrics = new FleetMetrics(() => fleet, clock)
  void fleet.boot()
  host.worker(1).ready()
  host.worker(2).ready()
  return { clock, host, fleet, metrics, [Symbol.dispose]: () => metrics.close() }
}

/** A worker's own metrics: so many orders. */
function orders (count: number): () => MetricsSnapshot {
  const registry = new MetricsRegistry()
  registry.counter({ name: 'orders_total', help: 'Orders.' }).slot({}).add(count)
  return () => registry.snapshot()
}

/** All living workers, so that each can be asked. */
const asked = (fleet: Fleet): readonly FleetWorker[] => fleet.workers

async function lines (snapshot: MetricsSnapshot): Promise<string[]> {
  let text = ''
  for await (const chunk of renderMetrics(snapshot, 'prometheus')) text += chunk
  return text.split('\n').filter((line) => !line.startsWith('#'))
}

test('a scrape adds up what all workers answer', async () => {
  using it = measured()
  const merged = it.metrics.collect(asked(it.fleet))
  const [first, second] = it.fleet.workers
  it.metrics.heard(first!, { plimsoll: 'collected', id: 1, snapshot: orders(3)() })
  it.metrics.heard(second!, { plimsoll: 'collected', id: 1, snapshot: orders(4)() })
  assert.ok((await lines(await merged)).includes('orders_total 7'))
})

test('a worker that does not answer within 500 ms is shown by what it said last', async () => {
  using it = measured()
  const [first, second] = it.fleet.workers
  const [ofFirst, ofSecond] = [orders(3), orders(4)]
  const before = it.metrics.collect(asked(it.fleet))
  it.metrics.heard(first!, { plimsoll: 'collected', id: 1, snapshot: ofFirst() })
  it.metrics.heard(second!, { plimsoll: 'collected', id: 1, snapshot: ofSecond() })
  await before
  const merged = it.metrics.collect(asked(it.fleet))
  it.metrics.heard(first!, { plimsoll: 'collected', id: 2, snapshot: ofFirst() })
  it.clock.advance(500)
  assert.ok((await lines(await merged)).includes('orders_total 7'))
})

test('what a drained worker had counted stays in the totals', async () => {
  using it = measured()
  const [, second] = it.fleet.workers
  it.metrics.heard(second!, { plimsoll: 'drained', cut: 0, snapshot: orders(5)() })
  it.fleet.resize(-1)
  it.host.worker(2).exit(0)
  const merged = it.metrics.collect(asked(it.fleet))
  it.clock.advance(500)
  assert.ok((await lines(await merged)).includes('orders_total 5'))
})

test('it tells of the workers: by state, by why they went, and what was lost with them', async () => {
  using it = measured()
  it.host.worker(1).beat({ inFlight: 6 })
  it.host.worker(1).exit(null, 'SIGKILL')
  it.fleet.resize(-1)
  it.host.worker(3).ready()
  it.host.worker(2).exit(0)
  const merged = it.metrics.collect(asked(it.fleet))
  it.clock.advance(500)
  const text = await lines(await merged)
  for (
    const line of [
      'plimsoll_workers{state="ready"} 1',
      'plimsoll_workers_wanted 1',
      'plimsoll_generation 1',
      'plimsoll_worker_exits_total{reason="crashed"} 1',
      'plimsoll_worker_exits_total{reason="scaled-down"} 1',
      'plimsoll_worker_lost_requests_total 6',
    ]
  )
    assert.ok(
      text.includes(line),
      `${line}\n${text.filter((each) => each.startsWith('plimsoll')).join('\n')}`
    )
})
