import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import { requestLoad } from './request-load.ts'

test('a worker that has served nothing has no load', () => {
  assert.deepEqual(requestLoad(new MetricsRegistry().snapshot()), { inFlight: 0, requests: 0 })
})

test('requests are counted over all routes, whatever they took, and those in flight are added up', () => {
  const registry = new MetricsRegistry()
  const durations = registry.histogram({
    name: 'http_server_request_duration_seconds',
    help: 'as the pipeline has it',
    labels: ['http_route'],
  })
  for (const [route, seconds] of [['/a', 0.001], ['/a', 100], ['/b', 0.3]] as const) {
    durations.slot({ http_route: route }).record(seconds)
  }
  registry.gauge({ name: 'http_server_active_requests', help: 'x', merge: 'sum' }).slot({}).set(2)
  assert.deepEqual(requestLoad(registry.snapshot()), { inFlight: 2, requests: 3 })
})
