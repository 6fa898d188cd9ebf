import type { Pool } from 'pg'
import type { Jobs } from '../../../work/jobs/index.ts'
import type { ServiceEnvironment } from '../environment.ts'
import type { WorkDefinition } from './work-definition.ts'
import type { WorkPart } from './work-part.ts'

/** What a service does behind its requests, ready to be used by them, and to be started. */
export interface ServiceWork {
  /** `undefined` for a service without jobs. */
  readonly jobs: Jobs | undefined
  /** Begins to work, unless this process is to serve requests only. */
  start(): Promise<void>
  /** Takes nothing new on, and waits for what is under way. */
  drain(graceMs: number): Promise<void>
}

export interface WorkSource extends WorkDefinition {
  readonly version: string
  readonly database?: { readonly schema: string }
}

/**
 * Opens what the service declares. Closed by the environment's lifecycle.
 *
 * @param app what jobs find as `app`
 * @throws SettingError; what PostgreSQL throws
 */
export async function openWork (
  service: WorkSource,
  environment: ServiceEnvironment,
  { data, app }: { readonly data: Pool | undefined; readonly app: object }
): Promise<ServiceWork> {
  const parts: WorkPart[] = []
  const jobs = data === undefined || !uses(service) ?
    undefined :
    await openQueue(service, environment, data, app)
  if (jobs !== undefined) parts.push(named('jobs', jobs.worker()))
  const { role } = environment.settings
  return {
    jobs,
    async start () {
      if (role === 'web') return
      for (const part of parts) await part.start()
    },
    async drain (graceMs) {
      await Promise.all(parts.map((part) => part.drain(graceMs)))
    },
  }
}

function uses ({ jobs = [] }: WorkDefinition): boolean {
  return jobs.length > 0
}

async function openQueue (
  { jobs = [], schedules = [], tiers, weights, database, version }: WorkSource,
  { telemetry: { registry, tracer, logger }, lifecycle, onProgress }: ServiceEnvironment,
  pool: Pool,
  app: object
): Promise<Jobs> {
  onProgress('opening the queue')
  // Loaded by services with jobs, so that the others start without it.
  const { openJobs } = await import('../../../work/jobs/index.ts')
  const queue = await openJobs({
    pool,
    jobs,
    schedules,
    schema: database?.schema,
    app: app as Readonly<Record<string, unknown>>,
    version,
    registry,
    tracer,
    logger,
    ...(tiers === undefined ? {} : { tiers }),
    ...(weights === undefined ? {} : { weights }),
  })
  await lifecycle.start({ name: 'jobs', close: () => queue.close() })
  return queue
}

function named (name: string, part: Omit<WorkPart, 'name'>): WorkPart {
  return { name, start: () => part.start(), drain: (graceMs) => part.drain(graceMs) }
}
