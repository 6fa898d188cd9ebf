import type { CounterSlot, HistogramSlot, MetricsRegistry } from '../../telemetry/index.ts'

export interface RelayMetrics {
  readonly published: CounterSlot
  readonly duplicates: CounterSlot
  /** By whether another try may succeed. */
  readonly refused: Readonly<Record<'retryable' | 'for_good', CounterSlot>>
  /** Events that were set aside with an error: dead letters. */
  readonly parked: CounterSlot
  /** Seconds from when an event was written, in its transaction, to the broker's word. */
  readonly delays: HistogramSlot
  /** Events that were dropped before this relay had read them, by an operator's leave. */
  readonly truncated: CounterSlot
}

const delayBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800]

export function relayMetrics (registry: MetricsRegistry, relay: string): RelayMetrics {
  const counter = (name: string, help: string): CounterSlot =>
    registry.counter({ name, help, labels: ['relay'] }).slot({ relay })
  const refused = registry.counter({
    name: 'plimsoll_relay_refused_total',
    help: 'Publications that the broker refused or did not confirm, by whether another try may succeed.',
    labels: ['relay', 'kind'],
  })
  return {
    published: counter('plimsoll_relay_published_total', 'Events that the broker has confirmed.'),
    duplicates: counter('plimsoll_relay_duplicates_total', 'Events that the broker said to have had before.'),
    refused: {
      retryable: refused.slot({ relay, kind: 'retryable' }),
      for_good: refused.slot({ relay, kind: 'for_good' }),
    },
    parked: counter('plimsoll_relay_parked_total', 'Events that no try got through: their keys stand still.'),
    delays: registry.histogram({
      name: 'plimsoll_relay_delay_seconds',
      help: 'From the writing of an event to its confirmation by the broker.',
      labels: ['relay'],
      bounds: delayBounds,
    }).slot({ relay }),
    truncated: counter(
      'plimsoll_relay_truncated_total',
      'Times that events were dropped before the relay had read them.'
    ),
  }
}
