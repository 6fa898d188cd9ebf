import type { Cancel } from '../../kernel/index.ts'
import type { CounterSlot, HistogramSlot, MetricsRegistry } from '../../telemetry/index.ts'
import type { CacheResult } from './found.ts'

export interface MemoryState {
  readonly entries: number
  readonly bytes: number
  readonly maxBytes: number
}

/** What one route counts. */
export interface RouteMetrics {
  readonly requests: Readonly<Record<CacheResult, CounterSlot>>
  /** By what became of the answer: `stored`, or why it was not. */
  stores(outcome: string): CounterSlot
}

export interface CacheMetrics {
  route(name: string): RouteMetrics
  readonly evictions: CounterSlot
  readonly purges: Readonly<Record<'soft' | 'hard', CounterSlot>>
  readonly purgeSeconds: HistogramSlot
  /** Nothing reads the gauges any more. */
  readonly close: Cancel
}

const results: readonly CacheResult[] = [
  'hit',
  'stale',
  'stale_if_error',
  'validated',
  'collapsed',
  'miss',
  'bypass',
  'only_if_cached',
]

/** @param state what the gauges show at a scrape */
export function cacheMetrics (registry: MetricsRegistry, state: () => MemoryState): CacheMetrics {
  const requests = registry.counter({
    name: 'plimsoll_cache_requests_total',
    help: 'Requests to cached routes, by how they were answered.',
    labels: ['route', 'result'],
  })
  const stores = registry.counter({
    name: 'plimsoll_cache_stores_total',
    help: 'Answers of cached routes, by whether they were kept and why not.',
    labels: ['route', 'outcome'],
  })
  const entries = registry.gauge({
    name: 'plimsoll_cache_entries',
    help: 'Answers in the memory of the cache.',
    merge: 'sum',
  }).slot()
  const bytes = registry.gauge({
    name: 'plimsoll_cache_memory_bytes',
    help: 'What the answers in memory take, with keys, headers and encoded forms.',
    merge: 'sum',
  }).slot()
  const maxBytes = registry.gauge({
    name: 'plimsoll_cache_memory_max_bytes',
    help: 'What answers in memory may take.',
    merge: 'sum',
  }).slot()
  const purges = registry.counter({
    name: 'plimsoll_cache_purges_total',
    help: 'Purges that this process asked for.',
    labels: ['mode'],
  })
  const close = registry.onCollect(() => {
    const now = state()
    entries.set(now.entries)
    bytes.set(now.bytes)
    maxBytes.set(now.maxBytes)
  })
  return {
    route: (route) => ({
      requests: Object.fromEntries(
        results.map((result) => [result, requests.slot({ route, result })])
      ) as Record<CacheResult, CounterSlot>,
      stores: (outcome) => stores.slot({ route, outcome }),
    }),
    evictions: registry.counter({
      name: 'plimsoll_cache_evictions_total',
      help: 'Answers that left memory for room, before their time.',
    }).slot(),
    purges: { soft: purges.slot({ mode: 'soft' }), hard: purges.slot({ mode: 'hard' }) },
    purgeSeconds: registry.histogram({
      name: 'plimsoll_cache_purge_seconds',
      help: 'From the call of a purge until every process that may serve from memory has applied it.',
      bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    }).slot(),
    close,
  }
}
