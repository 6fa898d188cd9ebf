import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { newTrace, systemRandom } from '../../../kernel/index.ts'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import { openTracer } from './open-tracer.ts'

const resource = { name: 'shop', version: '1.0.0' }

function valuesOf (registry: MetricsRegistry): readonly number[] | undefined {
  const family = registry.snapshot().families.find(({ name }) => name === 'plimsoll_trace_spans_total')
  return family === undefined ? undefined : [...family.values]
}

test('spans that reach the collector are counted, once', async () => {
  const collector = createServer((request, response) => request.resume().on('end', () => response.end('{}')))
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const otlp = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
  const registry = new MetricsRegistry()
  const tracer = openTracer({ otlp, sample: 1 }, resource, registry)
  tracer.start({ name: 'GET /', kind: 'server', trace: newTrace(true, systemRandom) }).end()
  await tracer.close()
  assert.deepEqual(valuesOf(registry), [1, 0])
  assert.deepEqual(valuesOf(registry), [1, 0])
  collector.closeAllConnections()
  collector.close()
})

test('without a collector nothing is recorded, and nothing is counted', () => {
  const registry = new MetricsRegistry()
  const tracer = openTracer({ otlp: undefined, sample: 1 }, resource, registry)
  assert.equal(tracer.decide(), false)
  assert.equal(valuesOf(registry), undefined)
})
