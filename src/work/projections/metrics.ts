import type { CounterSlot, GaugeSlot, MetricsRegistry } from '../../telemetry/index.ts'

export interface ProjectionMetrics {
  /** Events that were applied to the live build, and to one beside it. */
  readonly applied: Readonly<Record<'live' | 'building', CounterSlot>>
  readonly lagSeconds: GaugeSlot
  readonly objectiveSeconds: GaugeSlot
  /** 1 while there is an event that cannot be applied. */
  readonly stuck: GaugeSlot
}

export function projectionMetrics (registry: MetricsRegistry, projection: string): ProjectionMetrics {
  const applied = registry.counter({
    name: 'plimsoll_projection_events_total',
    help: 'Events that were applied to a projection, by the state of the build.',
    labels: ['projection', 'build'],
  })
  // Each process tells the same of the projection as a whole: not to be added up.
  const gauge = (name: string, help: string): GaugeSlot =>
    registry.gauge({ name, help, labels: ['projection'], merge: 'max' }).slot({ projection })
  return {
    applied: {
      live: applied.slot({ projection, build: 'live' }),
      building: applied.slot({ projection, build: 'building' }),
    },
    lagSeconds: gauge(
      'plimsoll_projection_lag_seconds',
      'Age of the oldest event that the live build has not applied.'
    ),
    objectiveSeconds: gauge(
      'plimsoll_projection_lag_objective_seconds',
      'How far behind the projection may be.'
    ),
    stuck: gauge('plimsoll_projection_stuck', '1 while there is an event that cannot be applied.'),
  }
}
