import type { CounterSlot, GaugeFamily, HistogramSlot, MetricsRegistry } from '../../../telemetry/index.ts'
import type { PurgeFailure } from './errors.ts'

/** What is counted of one edge. */
export interface PurgerMetrics {
  /** Seconds from enqueueing a purge to the edge's acceptance; repetitions do not count. */
  readonly purges: HistogramSlot
  /** Seconds of one call, whatever came of it. */
  readonly calls: HistogramSlot
  /** Calls that were accepted, and those that were not. */
  readonly outcomes: Readonly<Record<'accepted' | PurgeFailure, CounterSlot>>
}

const secondsBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600]

export function purgerMetrics (registry: MetricsRegistry, purger: string): PurgerMetrics {
  const calls = registry.counter({
    name: 'plimsoll_edge_purge_calls_total',
    help: 'Purge calls to an edge, by what came of them.',
    labels: ['purger', 'outcome'],
  })
  return {
    purges: registry.histogram({
      name: 'plimsoll_edge_purge_seconds',
      help: 'Time from enqueueing a purge to its acceptance by the edge.',
      labels: ['purger'],
      bounds: secondsBounds,
    }).slot({ purger }),
    calls: registry.histogram({
      name: 'plimsoll_edge_purge_call_seconds',
      help: 'Time of one purge call to an edge.',
      labels: ['purger'],
      bounds: secondsBounds,
    }).slot({ purger }),
    outcomes: {
      accepted: calls.slot({ purger, outcome: 'accepted' }),
      limited: calls.slot({ purger, outcome: 'limited' }),
      unavailable: calls.slot({ purger, outcome: 'unavailable' }),
      refused: calls.slot({ purger, outcome: 'refused' }),
    },
  }
}

export interface QueueGauges {
  readonly waiting: GaugeFamily<'purger'>
  readonly oldest: GaugeFamily<'purger'>
}

/** Every worker sees the same queue, so that the largest of what they say is the number. */
export function queueGauges (registry: MetricsRegistry): QueueGauges {
  return {
    waiting: registry.gauge({
      name: 'plimsoll_edge_purge_queue_length',
      help: 'Purges that wait for an edge to accept them.',
      labels: ['purger'],
      merge: 'max',
    }),
    oldest: registry.gauge({
      name: 'plimsoll_edge_purge_queue_age_seconds',
      help: 'Age of the oldest purge that waits for an edge.',
      labels: ['purger'],
      merge: 'max',
    }),
  }
}
