import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { manualClock, newTrace, seededRandom } from '../../kernel/index.ts'
import type { MetricsFormat } from './negotiate.ts'
import { processMetrics } from './process-metrics.ts'
import { MetricsRegistry } from './registry.ts'
import { renderMetrics } from './render.ts'

async function textOf (registry: MetricsRegistry, format: MetricsFormat): Promise<string> {
  let text = ''
  for await (const chunk of renderMetrics(registry.snapshot(), format)) text += chunk
  return text
}

function sample (): MetricsRegistry {
  const registry = new MetricsRegistry({ clock: manualClock(1_700_000_000_500) })
  registry.counter({ name: 'cpu_seconds_total', help: 'Time\nused \\ "so far".' }).slot().add(1.5)
  registry.gauge({ name: 'open', help: 'Open.', labels: ['path'], merge: 'sum' }).slot({ path: 'a"b\\c\nd' })
    .set(-2)
  registry.gauge({ name: 'unused', help: 'No series.', merge: 'sum' })
  const waits = registry.histogram({ name: 'wait_seconds', help: 'Waits.', labels: ['q'], bounds: [0.5, 1] })
  waits.slot({ q: 'x' }).record(0.1)
  waits.slot({ q: 'x' }).record(0.7, newTrace(true, seededRandom(7)))
  waits.slot({ q: 'x' }).record(3)
  return registry
}

test('Prometheus text 0.0.4: cumulative buckets, escaped labels and help, no exemplars', async () => {
  assert.equal(
    await textOf(sample(), 'prometheus'),
    String.raw`# HELP cpu_seconds_total Time\nused \\ "so far".
# TYPE cpu_seconds_total counter
cpu_seconds_total 1.5
# HELP open Open.
# TYPE open gauge
open{path="a\"b\\c\nd"} -2
# HELP wait_seconds Waits.
# TYPE wait_seconds histogram
wait_seconds_bucket{q="x",le="0.5"} 1
wait_seconds_bucket{q="x",le="1"} 2
wait_seconds_bucket{q="x",le="+Inf"} 3
wait_seconds_sum{q="x"} 3.8
wait_seconds_count{q="x"} 3
`
  )
})

test('OpenMetrics 1.0: families without _total, units, float bounds, exemplars and the end', async () => {
  const { traceId, spanId } = newTrace(true, seededRandom(7))
  assert.equal(
    await textOf(sample(), 'openmetrics'),
    String.raw`# TYPE cpu_seconds counter
# UNIT cpu_seconds seconds
# HELP cpu_seconds Time\nused \\ \"so far\".
cpu_seconds_total 1.5
# TYPE open gauge
# HELP open Open.
open{path="a\"b\\c\nd"} -2
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
# HELP wait_seconds Waits.
wait_seconds_bucket{q="x",le="0.5"} 1
wait_seconds_bucket{q="x",le="1.0"} 2 # {trace_id="${traceId}",span_id="${spanId}"} 0.7 1700000000.5
wait_seconds_bucket{q="x",le="+Inf"} 3
wait_seconds_sum{q="x"} 3.8
wait_seconds_count{q="x"} 3
# EOF
`
  )
})

test('numbers that are not finite are written as Prometheus reads them', async () => {
  const registry = new MetricsRegistry()
  const family = registry.gauge({ name: 'level', help: 'Level.', labels: ['n'], merge: 'max' })
  for (const value of [Infinity, -Infinity, NaN]) family.slot({ n: String(value) }).set(value)
  const lines = (await textOf(registry, 'prometheus')).split('\n')
  assert.deepEqual(lines.slice(2, 5).map((line) => line.split(' ')[1]), ['+Inf', '-Inf', 'NaN'])
})

test('an empty registry is an empty page, and in OpenMetrics its end', async () => {
  assert.equal(await textOf(new MetricsRegistry(), 'prometheus'), '')
  assert.equal(await textOf(new MetricsRegistry(), 'openmetrics'), '# EOF\n')
})

/** A registry of 10,000 histogram series, about 10 MB of text. */
function large (): MetricsRegistry {
  const registry = new MetricsRegistry()
  const family = registry.histogram({ name: 'wait_seconds', help: 'Waits.', labels: ['tenant'] })
  for (let tenant = 0; tenant < 10_000; tenant++) family.slot({ tenant: String(tenant) }).record(0.1)
  return registry
}

test('the event loop turns between all chunks of 10,000 histograms, and no chunk is long', async () => {
  let turns = 0
  let running = true
  setImmediate(function turn () {
    turns++
    if (running) setImmediate(turn)
  })
  const turnsAtChunk: number[] = []
  let lines = 0
  for await (const chunk of renderMetrics(large().snapshot(), 'prometheus')) {
    turnsAtChunk.push(turns)
    lines += chunk.split('\n').length - 1
    assert.ok(chunk.length < 70_000, `a chunk of ${chunk.length} characters`)
  }
  running = false
  assert.equal(lines, 2 + 10_000 * 17)
  assert.ok(turnsAtChunk.length > 100, `only ${turnsAtChunk.length} chunks`)
  turnsAtChunk.slice(1).forEach((turn, at) =>
    assert.ok(turn > turnsAtChunk[at]!, `no turn after chunk ${at}`)
  )
})

test('a chunk ends when its 2 ms are over, however short its text', async () => {
  const clock = manualClock()
  // A machine so slow that each look at the clock finds it 1 ms later.
  const slow = {
    ...clock,
    now: () => {
      clock.advance(1)
      return clock.now()
    },
  }
  const registry = new MetricsRegistry()
  const family = registry.counter({ name: 'hits_total', help: 'Hits.', labels: ['n'] })
  for (let n = 0; n < 10; n++) family.slot({ n: String(n) })
  const chunks: string[] = []
  for await (const chunk of renderMetrics(registry.snapshot(), 'prometheus', { clock: slow }))
    chunks.push(chunk)
  assert.deepEqual(chunks.map((chunk) => chunk.match(/^hits_total/gm)?.length), [2, 2, 2, 2, 2])
})

const promtool = process.env['PROMTOOL'] ?? 'promtool'
const found = spawnSync(promtool, ['--version']).error === undefined
const howToGet = 'promtool is missing: apt-get install prometheus, or set PROMTOOL to its path'

test('promtool finds nothing wrong with the text', { skip: found ? false : howToGet }, async () => {
  const registry = sample()
  processMetrics(registry)()
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
    input: await textOf(registry, 'prometheus'),
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout + stderr)
})
