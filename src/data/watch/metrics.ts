import type { CounterFamily, CounterSlot, MetricsRegistry } from '../../telemetry/index.ts'

export interface WatchMetrics {
  /** Units of work whose statements were counted. */
  readonly units: CounterSlot
  /** Units that repeated a statement more often than the threshold allows, by kind and place. */
  readonly repeated: CounterFamily<'kind' | 'site'>
}

export function watchMetrics (registry: MetricsRegistry): WatchMetrics {
  return {
    units: registry.counter({
      name: 'db_client_watched_units_total',
      help: 'Units of work whose statements were counted, to find repeated ones.',
    }).slot(),
    repeated: registry.counter({
      name: 'db_client_repeated_statements_total',
      help: 'Units of work that sent one statement too often, by kind and place in the code.',
      labels: ['kind', 'site'],
      seriesLimit: 100,
    }),
  }
}
