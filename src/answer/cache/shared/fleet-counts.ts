import type { MetricsRegistry } from '../../../telemetry/index.ts'

interface Counter {
  add(n?: number): void
}

/** What a shared layer counts, resolved once. */
export interface FleetCounts {
  readonly hits: Counter
  readonly misses: Counter
  /** Calls that failed, were late, or were not made because of an outage. */
  readonly failures: Counter
  readonly outages: Counter
  readonly leads: Counter
  readonly follows: Counter
  /** Flights of this process alone, because the others could not be asked. */
  readonly alone: Counter
  /** Values that came after their leader had lost its flight, and were dropped. */
  readonly fenced: Counter
  readonly purgesApplied: Counter
  /** Times that this process lost its membership. */
  readonly lapses: Counter
}

const nothing: Counter = { add: () => {} }

export function fleetCounts (store: string, registry: MetricsRegistry | undefined): FleetCounts {
  if (registry === undefined) return silent
  const counter = (name: string, help: string): Counter =>
    registry.counter({ name: `plimsoll_cache_shared_${name}_total`, help, labels: ['store'] }).slot({ store })
  const gets = registry.counter({
    name: 'plimsoll_cache_shared_gets_total',
    help: 'Entries asked of the shared cache, by what came of it.',
    labels: ['store', 'outcome'],
  })
  const flights = registry.counter({
    name: 'plimsoll_cache_shared_flights_total',
    help: 'Flights entered for a missing entry; alone means that the other processes could not be asked.',
    labels: ['store', 'role'],
  })
  return {
    hits: gets.slot({ store, outcome: 'hit' }),
    misses: gets.slot({ store, outcome: 'miss' }),
    failures: counter(
      'failures',
      'Calls of the shared cache that failed, were late, or were not made in an outage.'
    ),
    outages: counter('outages', 'Times that the shared cache was lost.'),
    leads: flights.slot({ store, role: 'lead' }),
    follows: flights.slot({ store, role: 'follow' }),
    alone: flights.slot({ store, role: 'alone' }),
    fenced: counter('fenced', 'Values dropped because their leader had lost its flight to another.'),
    purgesApplied: counter('purges_applied', 'Purges that this process has applied.'),
    lapses: counter('lapses', 'Times that this process lost its membership and may have missed purges.'),
  }
}

const silent: FleetCounts = {
  hits: nothing,
  misses: nothing,
  failures: nothing,
  outages: nothing,
  leads: nothing,
  follows: nothing,
  alone: nothing,
  fenced: nothing,
  purgesApplied: nothing,
  lapses: nothing,
}
