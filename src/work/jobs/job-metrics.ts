import type {
  CounterFamily,
  CounterSlot,
  HistogramFamily,
  HistogramSlot,
  MetricsRegistry,
} from '../../telemetry/index.ts'

/** How a run ended, as it is counted. */
export const runOutcomes = [
  'done',
  'retry',
  'dead',
  'cancelled',
  'expired',
  'snooze',
  'lost',
] as const

export type RunOutcome = (typeof runOutcomes)[number]

/** Of one process. */
export interface JobMetrics {
  readonly enqueued: CounterFamily<'tier' | 'outcome'>
  /** Seconds from when a job was due to when it began. */
  readonly waits: HistogramFamily<'tier' | 'tenant_class'>
  /** Seconds of a run. */
  readonly runs: HistogramFamily<'tier' | 'job'>
  readonly outcomes: CounterFamily<'tier' | 'job' | 'outcome'>
  /** Jobs that began later than their tier promises. */
  readonly late: CounterFamily<'tier' | 'tenant_class'>
  readonly overruns: CounterFamily<'job'>
  /** Runs that ended when their job was another worker's. */
  readonly lost: CounterFamily<'tier'>
  readonly claims: CounterFamily<'tier' | 'outcome'>
}

const waitBounds = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600]
const runBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900]

export function jobMetrics (registry: MetricsRegistry): JobMetrics {
  return {
    enqueued: registry.counter({
      name: 'plimsoll_jobs_enqueued_total',
      help: 'Jobs that were written to the queue, whether or not their transaction was committed after that.',
      labels: ['tier', 'outcome'],
    }),
    waits: registry.histogram({
      name: 'plimsoll_jobs_wait_seconds',
      help: 'From when a job was due to when it began.',
      labels: ['tier', 'tenant_class'],
      bounds: waitBounds,
    }),
    runs: registry.histogram({
      name: 'plimsoll_jobs_run_seconds',
      help: 'How long runs of jobs took.',
      labels: ['tier', 'job'],
      bounds: runBounds,
    }),
    outcomes: registry.counter({
      name: 'plimsoll_jobs_runs_total',
      help: 'Runs of jobs that have ended, by how; of those that are lost, another worker decides.',
      labels: ['tier', 'job', 'outcome'],
    }),
    late: registry.counter({
      name: 'plimsoll_jobs_late_total',
      help: 'Jobs that began later than their tier promises.',
      labels: ['tier', 'tenant_class'],
    }),
    overruns: registry.counter({
      name: 'plimsoll_jobs_overruns_total',
      help: 'Runs that were given up since they did not end after their deadline.',
      labels: ['job'],
    }),
    lost: registry.counter({
      name: 'plimsoll_jobs_lost_total',
      help: 'Runs whose end was not noted, since another worker had the job by then: it runs, or ran, twice.',
      labels: ['tier'],
    }),
    claims: registry.counter({
      name: 'plimsoll_jobs_claims_total',
      help: 'Questions of workers for jobs, by what came of them.',
      labels: ['tier', 'outcome'],
    }),
  }
}

/** The slots that each run of one job touches: looked up once. */
export interface RunSlots {
  readonly runs: HistogramSlot
  readonly outcomes: Readonly<Record<RunOutcome, CounterSlot>>
}

export function runSlots ({ runs, outcomes }: JobMetrics, tier: string, job: string): RunSlots {
  return {
    runs: runs.slot({ tier, job }),
    outcomes: Object.fromEntries(
      runOutcomes.map((outcome) => [outcome, outcomes.slot({ tier, job, outcome })])
    ) as Record<RunOutcome, CounterSlot>,
  }
}
