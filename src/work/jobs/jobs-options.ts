import type { Pool } from 'pg'
import type { Clock, Duration, Random } from '../../kernel/index.ts'
import type { Logger, MetricsRegistry, Tracer } from '../../telemetry/index.ts'
import type { JobApp } from './job-run.ts'
import type { Job } from './job.ts'
import type { Schedule } from './schedule.ts'
import type { JobStore } from './store/index.ts'
import type { Tier } from './tier.ts'
import type { WakeLine } from './wake/index.ts'

/** How one process works on one tier. */
export interface TierOptions {
  /** Jobs that run at once in this process; 1 to 1,000. @default 10 */
  readonly concurrency?: number
  /**
   * Jobs at most that are taken ahead of those that run, 0 to 5,000. As many are taken as begin within about 50 ms, so
   * that tiny jobs cost a share of a statement each, and long ones wait where any worker can take them. @default 3000
   */
  readonly prefetch?: number
}

export interface OpenJobsOptions {
  /** In whose database the queue is, and on which the jobs' handlers work; yours to close. */
  readonly pool: Pool
  /** Every job that this service enqueues or runs. */
  readonly jobs: readonly Job[]
  /** @default none */
  readonly schedules?: readonly Schedule[]
  /** By tier, for those that need other than the defaults. */
  readonly tiers?: Readonly<Partial<Record<Tier, TierOptions>>>
  /** A tenant's share of a tier, relative to the others', 0.001 to 1,000. @default 1 for each */
  readonly weights?: (tenant: string) => number
  /** Groups tenants in metrics, e.g. by plan; few values. @default no groups: one label 'all' */
  readonly tenantClass?: (tenant: string) => string
  /** Holds the tables. @default the first schema of the pool's search path */
  readonly schema?: string | undefined
  /** Closed with the queue. @default the PostgreSQL store on `pool` */
  readonly store?: JobStore
  /** How long it is kept what people did with dead letters; of a `store` of yours it is the store's. @default '90d' */
  readonly auditKeep?: Duration
  /** How workers of other processes hear that there is something to do. @default `notifyLine` on `pool` */
  readonly wake?: WakeLine
  /** How long a worker that is not heard of keeps its jobs; at least 1 s. @default '30s' */
  readonly lease?: Duration
  /** Between looks at how the tiers stand, for metrics, alarms and back-pressure; 250 ms to 1 minute. @default '2s' */
  readonly look?: Duration
  /** What jobs find as `app`. @default nothing */
  readonly app?: JobApp
  /** The release of the service, noted with each failure. */
  readonly version?: string | undefined
  readonly registry: MetricsRegistry
  /** Records runs of sampled traces. @default none are recorded */
  readonly tracer?: Tracer
  /** @default one that is silent */
  readonly logger?: Logger
  readonly clock?: Clock
  readonly random?: Random
}

export interface WorkerOptions {
  /** The tiers to work on. @default all of the service's jobs */
  readonly tiers?: readonly Tier[]
  /** Whether this process enqueues the service's schedules, too. @default true */
  readonly schedules?: boolean
}
