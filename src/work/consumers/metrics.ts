import type { CounterSlot, GaugeSlot, HistogramSlot, MetricsRegistry } from '../../telemetry/index.ts'

/**
 * What became of an event: handled; known already; put behind a held one of its key; held for another try; made a dead
 * letter; handled at a later try; of a type that the consumer does not know; ended by the state of the database, and
 * begun anew.
 */
export const consumerOutcomes = [
  'handled',
  'duplicate',
  'parked',
  'retrying',
  'dead',
  'recovered',
  'ignored',
  'interrupted',
] as const

export type ConsumerOutcome = typeof consumerOutcomes[number]

export interface ConsumerMetrics {
  readonly outcomes: Readonly<Record<ConsumerOutcome, CounterSlot>>
  /** Seconds that a transaction took, of one event or of a batch. */
  readonly seconds: HistogramSlot
  /** Seconds from when an event was emitted until it was handled. */
  readonly age: HistogramSlot
  readonly lagSeconds: GaugeSlot
  readonly lagMessages: GaugeSlot
  readonly retryingKeys: GaugeSlot
  readonly deadKeys: GaugeSlot
  readonly oldestDeadSeconds: GaugeSlot
}

const ageBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200]

/**
 * A consumer's metrics, named after OpenTelemetry's conventions for messaging where they have one.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/
 */
export function consumerMetrics (registry: MetricsRegistry, consumer: string): ConsumerMetrics {
  const labels = ['consumer'] as const
  const outcomes = registry.counter({
    name: 'plimsoll_consumer_messages_total',
    help: 'Events that reached a consumer, by what became of them.',
    labels: ['consumer', 'outcome'],
  })
  // Each process tells the same of the consumer as a whole: not to be added up.
  const gauge = (name: string, help: string): GaugeSlot =>
    registry.gauge({ name, help, labels, merge: 'max' }).slot({ consumer })
  const keys = registry.gauge({
    name: 'plimsoll_consumer_held_keys',
    help: 'Keys whose events wait: for another try of the oldest, or with a dead letter for somebody.',
    labels: ['consumer', 'state'],
    merge: 'max',
  })
  return {
    outcomes: Object.fromEntries(
      consumerOutcomes.map((outcome) => [outcome, outcomes.slot({ consumer, outcome })])
    ) as Record<ConsumerOutcome, CounterSlot>,
    seconds: registry.histogram({
      name: 'messaging_process_duration_seconds',
      help: 'How long a transaction took in which events were handled.',
      labels,
    }).slot({ consumer }),
    age: registry.histogram({
      name: 'plimsoll_consumer_message_age_seconds',
      help: 'How old events were once they were handled.',
      labels,
      bounds: ageBounds,
    }).slot({ consumer }),
    lagSeconds: gauge(
      'plimsoll_consumer_lag_seconds',
      'Age of the oldest event that the consumer has not taken up.'
    ),
    lagMessages: gauge('plimsoll_consumer_lag_messages', 'Events that the consumer has not taken up, about.'),
    retryingKeys: keys.slot({ consumer, state: 'retrying' }),
    deadKeys: keys.slot({ consumer, state: 'dead' }),
    oldestDeadSeconds: gauge(
      'plimsoll_consumer_oldest_dead_letter_seconds',
      'For how long the key has been held that has had a dead letter for the longest time.'
    ),
  }
}
