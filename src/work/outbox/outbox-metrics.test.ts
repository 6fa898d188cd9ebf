import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { metricLines } from './metric-lines.fixture.ts'
import { type OutboxGauges, outboxMetrics } from './outbox-metrics.ts'

test('a reader that is no more has no lag', async () => {
  const registry = new MetricsRegistry()
  let readers: OutboxGauges['readers'] = [{ name: 'old', lagSeconds: 90 }, { name: 'kept', lagSeconds: 3 }]
  outboxMetrics(registry, () => ({ stallSeconds: 0, heldEvents: 0, undeclared: 0, readers }))
  const shown = (): Promise<readonly string[]> => metricLines(registry, 'plimsoll_outbox_lag_seconds')
  const told = (reader: string, lag: number): string =>
    `plimsoll_outbox_lag_seconds{reader="${reader}"} ${lag}`
  assert.deepEqual(await shown(), [told('old', 90), told('kept', 3)])
  readers = [{ name: 'kept', lagSeconds: 4 }]
  assert.deepEqual(await shown(), [told('old', 0), told('kept', 4)])
})
