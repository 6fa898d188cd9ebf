import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import type { Pool } from 'pg'
import type { CursorKeys, Reads } from '../../data/index.ts'
import type { LocalClient } from '../../engines/index.ts'
import type { Lifecycle } from '../../kernel/index.ts'
import type { AccessLog, Logger, MetricsRegistry, Tracer } from '../../telemetry/index.ts'
import type { Consumers } from '../../work/consumers/index.ts'
import type { Exports } from '../../work/exports/index.ts'
import type { Jobs } from '../../work/jobs/index.ts'
import type { Outbox } from '../../work/outbox/index.ts'
import type { Projections } from '../../work/projections/index.ts'
import type { Sagas } from '../../work/saga/index.ts'
import type { Compute } from '../compute/index.ts'
import type { Health } from '../health/index.ts'
import type { Listener } from '../listen/index.ts'
import type { Settings } from '../settings/index.ts'

/** What a process gives to the service that it runs. */
export interface ServiceEnvironment {
  readonly settings: Settings
  readonly telemetry: {
    readonly registry: MetricsRegistry
    readonly tracer: Tracer
    readonly logger: Logger
    readonly accessLog?: AccessLog
  }
  readonly health: Health
  /** Where the app will be reached. Without one the app only answers `inject`. */
  readonly listener?: Listener
  /** State and messages shared with the other workers of this machine. */
  readonly local: LocalClient
  /** Closes, in reverse, what the service opens. */
  readonly lifecycle: Lifecycle
  /** The routes are only compiled, with stand-ins for what they need: what must be kept is kept in memory. @default false */
  readonly compilesOnly?: boolean
  /** Says how far the boot has come: a sentence and, where it is known, the share done (0 to 1). */
  readonly onProgress: (message: string, share?: number) => void
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The service's database: tables of its own schema are found without a prefix. */
    readonly data: Pool
    /**
     * For reads that a replica may answer: each request reads what it, and its client before it, has written. Without
     * replicas it is the primary, and refuses writes all the same.
     */
    readonly reads: Reads
    /** Sign the cursors of `keyset` and of resources. */
    readonly cursors: CursorKeys
    readonly redis: Redis
    /** The queue of the service's jobs: enqueues, tells how they stand, cancels. */
    readonly jobs: Jobs
    /** The log of the service's events. */
    readonly outbox: Outbox
    /** What consumers hold: dead letters, replays. */
    readonly consumers: Consumers
    /** How the service's projections stand; waits for them, builds them anew. */
    readonly projections: Projections
    /** How the service's sagas stand. */
    readonly sagas: Sagas
    /** Files that are made of many rows. */
    readonly exports: Exports
    /** Runs a function of the service's compute module on a thread. */
    readonly compute: Compute['run']
    /** State and messages shared by the workers of this machine. */
    readonly local: LocalClient
    /** What readiness stands on; add a check for each thing that the service cannot do without. */
    readonly health: Pick<Health, 'addCheck'>
  }
}

declare module '../../work/jobs/job-run.ts' {
  /** Jobs and steps of a service find what its app has; what the service does not declare is not there. */
  interface JobApp extends Partial<Pick<FastifyInstance, AppParts>> {}
}

type AppParts =
  | 'cache'
  | 'compute'
  | 'consumers'
  | 'exports'
  | 'jobs'
  | 'local'
  | 'metrics'
  | 'outbox'
  | 'projections'
  | 'reads'
  | 'redis'
  | 'sagas'
