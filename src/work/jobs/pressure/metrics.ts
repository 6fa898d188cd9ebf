import type { CounterFamily, GaugeFamily, MetricsRegistry } from '../../../telemetry/index.ts'
import type { TierCondition } from './tier-pressure.ts'

export interface PressureMetrics {
  readonly drain: GaugeFamily<'tier'>
  readonly expectedWait: GaugeFamily<'tier'>
  readonly workers: GaugeFamily<'tier'>
  readonly conditions: GaugeFamily<'tier' | 'condition'>
  readonly refused: CounterFamily<'tier' | 'reason'>
}

/** Those that can be told apart from `ok`. */
export const toldConditions: readonly TierCondition[] = ['at_risk', 'late', 'unattended']

export function pressureMetrics (registry: MetricsRegistry): PressureMetrics {
  return {
    drain: registry.gauge({
      name: 'plimsoll_jobs_drain_per_second',
      help:
        'Jobs that the workers of the whole fleet take from the tier in a second, over about the last 15.',
      labels: ['tier'],
      merge: 'max',
    }),
    expectedWait: registry.gauge({
      name: 'plimsoll_jobs_expected_wait_seconds',
      help: 'What a job that is enqueued now, after all others, would wait; infinite where nobody takes any.',
      labels: ['tier'],
      merge: 'max',
    }),
    workers: registry.gauge({
      name: 'plimsoll_jobs_tier_workers',
      help: 'Processes of the whole fleet that work on the tier.',
      labels: ['tier'],
      merge: 'max',
    }),
    conditions: registry.gauge({
      name: 'plimsoll_jobs_tier_condition',
      help: '1 for the condition that the tier is in: at_risk, late, or unattended; all 0 while it is well.',
      labels: ['tier', 'condition'],
      merge: 'max',
    }),
    refused: registry.counter({
      name: 'plimsoll_jobs_refused_total',
      help: 'Jobs that were not taken in since they would have been late, by why.',
      labels: ['tier', 'reason'],
    }),
  }
}
