import type { CounterFamily, GaugeFamily, HistogramFamily, MetricsRegistry } from '../../telemetry/index.ts'

/** Of one process; `unfinished` of all, as the keeper has last counted them. */
export interface SagaMetrics {
  readonly started: CounterFamily<'saga'>
  readonly ended: CounterFamily<'saga' | 'outcome'>
  /** The one to alert on: somebody has to look. */
  readonly parked: CounterFamily<'saga' | 'step' | 'reason'>
  readonly late: CounterFamily<'saga'>
  readonly runs: HistogramFamily<'saga' | 'step' | 'action' | 'outcome'>
  readonly unfinished: GaugeFamily<'saga' | 'status'>
}

const runBounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

export function sagaMetrics (registry: MetricsRegistry): SagaMetrics {
  return {
    started: registry.counter({
      name: 'plimsoll_sagas_started_total',
      help: 'Sagas that were started, whether or not their transaction was committed after that.',
      labels: ['saga'],
    }),
    ended: registry.counter({
      name: 'plimsoll_sagas_ended_total',
      help: 'Sagas that have ended: completed or compensated.',
      labels: ['saga', 'outcome'],
    }),
    parked: registry.counter({
      name: 'plimsoll_sagas_parked_total',
      help: 'Times that a saga was parked: it waits for a person.',
      labels: ['saga', 'step', 'reason'],
    }),
    late: registry.counter({
      name: 'plimsoll_sagas_late_results_total',
      help: 'Results of steps that came when the saga had gone on without them.',
      labels: ['saga'],
    }),
    runs: registry.histogram({
      name: 'plimsoll_sagas_step_seconds',
      help: 'How long runs of actions and compensations took.',
      labels: ['saga', 'step', 'action', 'outcome'],
      bounds: runBounds,
    }),
    unfinished: registry.gauge({
      name: 'plimsoll_sagas_unfinished',
      help:
        'Sagas that have not ended, by how they stand, as they were last counted; those that are parked wait for a person.',
      labels: ['saga', 'status'],
      // Every worker counts the same sagas.
      merge: 'max',
    }),
  }
}
