import type { FastifyInstance } from 'fastify'
import type { GovernedPool } from '../../../data/index.ts'
import { calmLogger } from '../../../telemetry/index.ts'
import type { Consumer, Consumers } from '../../../work/consumers/index.ts'
import type { Exports } from '../../../work/exports/index.ts'
import type { Job, JobApp, Jobs } from '../../../work/jobs/index.ts'
import type { Outbox } from '../../../work/outbox/index.ts'
import type { Projections } from '../../../work/projections/index.ts'
import type { Sagas } from '../../../work/saga/index.ts'
import type { ServiceEnvironment } from '../environment.ts'
import { openEvents } from './open-events.ts'
import { openFileStore } from './open-file-store.ts'
import type { WorkDefinition } from './work-definition.ts'
import { named, type WorkPart } from './work-part.ts'

/** What routes find of it; `undefined` for what the service does not declare. */
export interface WorkHandles {
  readonly jobs: Jobs | undefined
  readonly outbox: Outbox | undefined
  readonly consumers: Consumers | undefined
  readonly projections: Projections | undefined
  readonly sagas: Sagas | undefined
  readonly exports: Exports | undefined
}

/** What a service does behind its requests, ready to be used by them, and to be started. */
export interface ServiceWork {
  readonly handles: WorkHandles
  /** Begins to work, unless this process is to serve requests only. */
  start(): Promise<void>
  /** Takes nothing new on, and waits for what is under way. */
  drain(graceMs: number): Promise<void>
}

export interface WorkSource extends WorkDefinition {
  readonly version: string
  readonly database?: { readonly schema: string }
}

const nothing: WorkHandles = {
  jobs: undefined,
  outbox: undefined,
  consumers: undefined,
  projections: undefined,
  sagas: undefined,
  exports: undefined,
}

/**
 * Opens what the service declares. Closed by the environment's lifecycle.
 *
 * @param app what jobs and steps find as `app`
 * @throws SettingError; what PostgreSQL throws
 */
export async function openWork (
  service: WorkSource,
  given: ServiceEnvironment,
  { data, app }: { readonly data: GovernedPool | undefined; readonly app: FastifyInstance }
): Promise<ServiceWork> {
  const parts: WorkPart[] = []
  const { telemetry } = given
  // Loops that go on while the database or the broker is away would fill the log with it.
  const environment = { ...given, telemetry: { ...telemetry, logger: calmLogger(telemetry.logger) } }
  const handles = data === undefined ?
    nothing :
    await openParts(service, environment, { pool: data, app, parts })
  const { role } = environment.settings
  let draining: Promise<unknown> | undefined
  async function drain (graceMs: number): Promise<void> {
    await (draining ??= Promise.all(parts.map((part) => part.drain(graceMs))))
  }
  // Before any of the parts closes: what a job, a step or a consumer still does may need each of the others.
  await given.lifecycle.start({ name: 'work', close: () => drain(0) })
  return {
    handles,
    async start () {
      if (role === 'web') return
      for (const part of parts) await part.start()
    },
    drain,
  }
}

interface Surroundings {
  readonly pool: GovernedPool
  readonly app: FastifyInstance
  /** Takes what is to be started. */
  readonly parts: WorkPart[]
}

async function openParts (
  service: WorkSource,
  environment: ServiceEnvironment,
  surroundings: Surroundings
): Promise<WorkHandles> {
  const { events = [], consumers = [], projections = [], exports = [], jobs = [], broker = {}, database } =
    service
  const sagas = await openSagasOf(service, environment, surroundings)
  const queue = await openQueue(
    [...jobs, ...sagas?.jobs ?? [], ...exports.map(({ job }) => job)],
    service,
    environment,
    surroundings
  )
  if (sagas !== undefined) surroundings.parts.push(named('sagas', sagas.keeper()))
  const all = [...consumers, ...sagas === undefined ? [] : await sagaConsumer(sagas)]
  const opened = events.length + all.length + projections.length === 0 ?
    undefined :
    await openEvents(
      { schema: database?.schema, consumers: all, projections, broker },
      environment,
      surroundings.pool
    )
  surroundings.parts.push(...opened?.parts ?? [])
  return {
    jobs: queue,
    sagas,
    outbox: opened?.outbox,
    consumers: opened?.consumers,
    projections: opened?.projections,
    exports: queue === undefined ? undefined : await openExportsOf(service, environment, surroundings, queue),
  }
}

async function openQueue (
  jobs: readonly Job[],
  { schedules = [], tiers, weights, tenantClass, database, version }: WorkSource,
  { settings, telemetry: { registry, tracer, logger }, lifecycle, onProgress }: ServiceEnvironment,
  { pool, app, parts }: Surroundings
): Promise<Jobs | undefined> {
  if (jobs.length === 0) return undefined
  onProgress('opening the queue')
  // Loaded by services with jobs, so that the others start without it.
  const { openJobs } = await import('../../../work/jobs/index.ts')
  const queue = await openJobs({
    pool,
    jobs,
    schedules,
    schema: database?.schema,
    lease: settings.work.lease,
    auditKeep: settings.work.auditKeep,
    app: appOf(app),
    version,
    registry,
    tracer,
    logger,
    ...(tiers === undefined ? {} : { tiers }),
    ...(weights === undefined ? {} : { weights }),
    ...(tenantClass === undefined ? {} : { tenantClass }),
  })
  await lifecycle.start({ name: 'jobs', close: () => queue.close() })
  parts.push(named('jobs', queue.worker()))
  parts.push({ name: 'waits for jobs', start: async () => {}, drain: async () => queue.stopWaiting() })
  return queue
}

async function openSagasOf (
  { sagas = [], database }: WorkSource,
  { telemetry: { registry, tracer, logger }, lifecycle }: ServiceEnvironment,
  { pool, app }: Surroundings
): Promise<Sagas | undefined> {
  if (sagas.length === 0) return undefined
  const { openSagas } = await import('../../../work/saga/index.ts')
  const opened = await openSagas({
    pool,
    sagas,
    schema: database?.schema,
    app: appOf(app),
    registry,
    tracer,
    logger,
  })
  await lifecycle.start({ name: 'sagas', close: () => opened.close() })
  return opened
}

/** Hears the events that sagas wait for or begin with. */
async function sagaConsumer ({ handlers }: Sagas): Promise<readonly Consumer[]> {
  if (handlers.length === 0) return []
  const { defineConsumer } = await import('../../../work/consumers/index.ts')
  return [defineConsumer('sagas', { on: handlers })]
}

async function openExportsOf (
  { exports = [], exportLimits, exportsPath, database }: WorkSource,
  { settings, telemetry: { registry, logger }, lifecycle }: ServiceEnvironment,
  { pool, parts }: Surroundings,
  jobs: Jobs
): Promise<Exports | undefined> {
  if (exports.length === 0) return undefined
  const { openExports } = await import('../../../work/exports/index.ts')
  const store = await openFileStore(settings, process.env)
  await lifecycle.start({ name: 'export files', close: () => store.close() })
  const opened = await openExports({
    pool,
    jobs,
    exports,
    store,
    schema: database?.schema,
    registry,
    logger,
    ...(exportLimits === undefined ? {} : { limits: exportLimits }),
    ...(exportsPath === undefined ? {} : { path: exportsPath }),
  })
  await lifecycle.start({ name: 'exports', close: () => opened.close() })
  parts.push({ name: 'exports', start: () => opened.start(), drain: async () => {} })
  return opened
}

/** An app is all that its decorators made of it: jobs name what they use of it. */
function appOf (app: FastifyInstance): JobApp {
  return app as unknown as JobApp
}
