import type { Cancel } from '../../kernel/index.ts'
import type { HistogramSlot, MetricsRegistry } from '../../telemetry/index.ts'
import { type ComputeOutcome, computeOutcomes, type ComputeRecord } from './record.ts'

export interface ComputeMetrics {
  readonly record: (record: ComputeRecord) => void
  /** The pool is closed: nothing reads its gauges any more. */
  readonly close: Cancel
}

/**
 * The pool's metrics: `compute_tasks_running` and `compute_tasks_waiting` (gauges, summed over workers),
 * `compute_task_duration_seconds` (running time by task and outcome) and `compute_task_wait_seconds` (time
 * in the queue by task).
 *
 * @param tasks the names that the module exports; one that it does not is not recorded
 * @param now what the gauges show at a scrape
 */
export function computeMetrics (
  registry: MetricsRegistry,
  tasks: readonly string[],
  now: () => { readonly running: number; readonly waiting: number }
): ComputeMetrics {
  const running = registry.gauge({
    name: 'compute_tasks_running',
    help: 'Compute tasks that run in a thread.',
    merge: 'sum',
  }).slot()
  const waiting = registry.gauge({
    name: 'compute_tasks_waiting',
    help: 'Compute tasks that wait for a thread.',
    merge: 'sum',
  }).slot()
  const durations = registry.histogram({
    name: 'compute_task_duration_seconds',
    help: 'How long compute tasks ran in a thread.',
    labels: ['task', 'outcome'],
  })
  const waits = registry.histogram({
    name: 'compute_task_wait_seconds',
    help: 'How long compute tasks waited for a thread.',
    labels: ['task'],
  })
  const slots = new Map(tasks.map((task) => {
    const byOutcome = computeOutcomes.map((outcome) => [outcome, durations.slot({ task, outcome })] as const)
    return [task, { wait: waits.slot({ task }), duration: new Map<ComputeOutcome, HistogramSlot>(byOutcome) }]
  }))
  const close = registry.onCollect(() => {
    const { running: runningNow, waiting: waitingNow } = now()
    running.set(runningNow)
    waiting.set(waitingNow)
  })
  return {
    record ({ task, outcome, waitMs, runMs }) {
      const slot = slots.get(task)
      slot?.duration.get(outcome)?.record(runMs / 1_000)
      if (outcome !== 'refused') slot?.wait.record(waitMs / 1_000)
    },
    close,
  }
}
