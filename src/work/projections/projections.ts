import type { Pool } from 'pg'
import {
  type Clock,
  type Duration,
  inTime,
  parseDuration,
  type Random,
  SettingError,
  sleep,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import type { Logger, MetricsRegistry } from '../../telemetry/index.ts'
import { parsePosition } from '../events/index.ts'
import type { Leases } from '../lease/index.ts'
import type { OutboxLog } from '../outbox/index.ts'
import { BuildStore } from './build-store.ts'
import type { Build } from './build.ts'
import type { Projection } from './define-projection.ts'
import { ProjectionDifferenceError, ProjectionLateError, ProjectionTokenError } from './errors.ts'
import { Freshness } from './freshness.ts'
import { projectionMetrics } from './metrics.ts'
import { beginBuild, ProjectionRunner, type RunnerParts } from './projection-runner.ts'

export interface ProjectionsOptions {
  /** Of the service's database; yours to close. A process that builds needs 5 connections for a moment. */
  readonly pool: Pool
  readonly projections: readonly Projection[]
  readonly log: OutboxLog
  readonly leases: Leases
  /** Holds the tables, those of the projections too. @default the first schema of the search path */
  readonly schema?: string | undefined
  readonly registry: MetricsRegistry
  readonly logger?: Logger | undefined
  readonly clock?: Clock
  readonly random?: Random
}

/** Keeps projections up to date, in this process. */
export interface ProjectionsWorker {
  /** Makes tables that are missing, and begins. @throws ProjectionLogCutError */
  start(): Promise<void>
  /** Ends after the steps that are under way, or after `graceMs`: they are rolled back with the process then. */
  drain(graceMs: number): Promise<void>
  close(): Promise<void>
}

/** How a projection stands. */
export interface ProjectionStatus {
  readonly projection: string
  /** Of the definition in this process. */
  readonly version: number
  /** How far the live build is behind the events that can be read, in milliseconds; `undefined` before there is one. */
  readonly lagMs: number | undefined
  readonly objectiveMs: number
  readonly builds: readonly Build[]
}

/** What became of a rebuild. */
export interface Rebuilt {
  readonly build: number
  readonly version: number
  readonly events: number
  readonly seconds: number
  /** Rows in which it differed from what was read before; `undefined` where nothing was compared. */
  readonly difference: number | undefined
}

export interface CaughtUp {
  /** Whether all that the token stands for can be read. */
  readonly fresh: boolean
  readonly waitedMs: number
}

/** The projections of a service. */
export interface Projections extends AsyncDisposable {
  /** @param names of those that this process keeps up to date; all of them by default */
  worker(names?: readonly string[]): ProjectionsWorker
  /**
   * Waits until a projection shows what was written: read your own writes.
   *
   * @param token `formatPosition(written.position)` of the last event that was emitted; absent: nothing to wait for
   * @returns within `timeout`, and within the deadline of the current context; `fresh: false` when it is stale then
   * @throws ProjectionTokenError for a text that is no token
   */
  caughtUpTo(
    projection: string,
    token: string | undefined,
    options?: { readonly timeout?: Duration }
  ): Promise<CaughtUp>
  /**
   * Builds a projection anew, from the first event, beside the live one, and puts it in its place. Workers do it, this
   * process or another; the call waits.
   *
   * @throws ProjectionDifferenceError when the new build differs and `acceptDifference` is not set; ProjectionLogCutError
   */
  rebuild(
    projection: string,
    options?: { readonly acceptDifference?: boolean; readonly signal?: AbortSignal }
  ): Promise<Rebuilt>
  /** Leaves an event out, for good and in all builds: what is stuck at it goes on. */
  skip(projection: string, event: string): Promise<void>
  status(projection: string): Promise<ProjectionStatus>
  /** @throws ProjectionLateError for the first projection that is further behind than it promises */
  check(): Promise<void>
  close(): Promise<void>
}

const rebuildPollMs = 100
const measureMs = 2_000

/** Makes projections ready. @throws SettingError */
export async function openProjections (options: ProjectionsOptions): Promise<Projections> {
  const { pool, projections, log, leases, schema, registry, logger } = options
  const { clock = systemClock, random = systemRandom } = options
  const byName = new Map(projections.map((projection) => [projection.name, projection]))
  if (byName.size < projections.length)
    throw new SettingError('projections', 'of different names', projections.map(({ name }) => name))
  const tables = projections.flatMap((projection) => [...projection.tables.keys()])
  if (new Set(tables).size < tables.length)
    throw new SettingError('projections', 'of different tables', tables)
  await BuildStore.prepare(pool, schema)
  const store = new BuildStore(pool, schema)
  const freshness = new Freshness(() => store.livePositions(), clock)
  const metrics = new Map(projections.map(({ name }) => [name, projectionMetrics(registry, name)]))
  const workers = new Set<ProjectionsWorker>()
  const runners = new Map<string, ProjectionRunner>()
  let built = Promise.withResolvers<void>()

  const named = (name: string): Projection => {
    const projection = byName.get(name)
    if (projection === undefined)
      throw new SettingError('projection', `one of ${[...byName.keys()].join(', ')}`, name)
    return projection
  }
  const partsOf = (projection: Projection): RunnerParts => ({
    projection,
    store,
    log,
    leases,
    metrics: metrics.get(projection.name)!,
    logger,
    clock,
    random,
    onMoved (build, position, events) {
      const { applied } = metrics.get(projection.name)!
      applied[build.state === 'live' ? 'live' : 'building'].add(events)
      if (build.state === 'live') freshness.tell(projection.name, position)
    },
    onBuilt () {
      built.resolve()
      built = Promise.withResolvers()
    },
  })

  async function status (name: string): Promise<ProjectionStatus> {
    const projection = named(name)
    const builds = await store.builds(name)
    const live = builds.find(({ state }) => state === 'live')
    let lagMs: number | undefined
    if (live !== undefined) {
      const { messages: [first] } = await log.read({
        after: live.position,
        limit: 1,
        types: projection.types,
      })
      lagMs = first === undefined ? 0 : Math.max(0, clock.epochMs() - first.occurredAtMs)
    }
    return { projection: name, version: projection.version, lagMs, objectiveMs: projection.lagMs, builds }
  }

  async function measure (name: string): Promise<void> {
    const { lagSeconds, objectiveSeconds, stuck } = metrics.get(name)!
    const { lagMs, objectiveMs, builds } = await status(name)
    objectiveSeconds.set(objectiveMs / 1000)
    stuck.set(builds.some(({ failure }) => failure !== undefined) ? 1 : 0)
    if (lagMs !== undefined) lagSeconds.set(lagMs / 1000)
  }

  function worker (names: readonly string[] = [...byName.keys()]): ProjectionsWorker {
    const own = names.map((name) => [name, new ProjectionRunner(partsOf(named(name)))] as const)
    let cancel = (): void => {}
    const close = async (): Promise<void> => {
      cancel()
      workers.delete(running)
      for (const [name, runner] of own) if (runners.get(name) === runner) runners.delete(name)
      await Promise.all(own.map(([, runner]) => runner.close()))
    }
    const running: ProjectionsWorker = {
      async start () {
        try {
          for (const [name, runner] of own) {
            await runner.start()
            runners.set(name, runner)
          }
        } catch (error) {
          await close()
          throw error
        }
        cancel = clock.every(measureMs, () => {
          for (const [name] of own) {
            void measure(name).catch((error: unknown) =>
              logger?.warn({ err: error, projection: name }, 'a projection could not be measured')
            )
          }
        })
      },
      drain: (graceMs) => inTime(clock, graceMs, close()),
      close,
    }
    workers.add(running)
    return running
  }

  async function rebuild (
    name: string,
    { acceptDifference = false, signal }: { acceptDifference?: boolean; signal?: AbortSignal } = {}
  ): Promise<Rebuilt> {
    const projection = named(name)
    const startedMs = clock.now()
    const isAccepted = acceptDifference && await store.accept(projection)
    const builds = await store.builds(name)
    const { build: number } = isAccepted ?
      builds.find(({ state }) => state === 'building')! :
      await beginBuild(partsOf(projection))
    if (acceptDifference && !isAccepted) await store.accept(projection)
    runners.get(name)?.nudge()
    for (;;) {
      signal?.throwIfAborted()
      // What this process builds itself, it hears of; what others do it has to ask for.
      const { promise: builtHere } = built
      const build = await store.find(name, number)
      if (build === undefined)
        throw new Error(`build ${number} of the projection ${name} was replaced by another one`)
      const { version, events, difference, examples } = build
      if (build.state === 'refused')
        throw new ProjectionDifferenceError(name, difference ?? 0, examples ?? {})
      const isFirst = build.state === 'live' && builds.every(({ state }) => state !== 'live')
      if (build.state === 'live' && (!isFirst || (await status(name)).lagMs === 0))
        return { build: number, version, events, seconds: (clock.now() - startedMs) / 1000, difference }
      await Promise.race([sleep(clock, rebuildPollMs, signal), builtHere])
    }
  }

  async function close (): Promise<void> {
    freshness.close()
    await Promise.all([...workers].map((running) => running.close()))
  }

  return {
    worker,
    async caughtUpTo (name, token, { timeout = '1s' } = {}) {
      const timeoutMs = parseDuration(timeout, 'caughtUpTo.timeout')
      named(name)
      if (token === undefined) return { fresh: true, waitedMs: 0 }
      const position = parsePosition(token)
      if (position === undefined) throw new ProjectionTokenError()
      const startedMs = clock.now()
      const fresh = await freshness.wait(name, position, timeoutMs)
      return { fresh, waitedMs: clock.now() - startedMs }
    },
    rebuild,
    async skip (name, event) {
      await store.skip(named(name).name, event)
      logger?.warn({ projection: name, event }, 'an event is left out of a projection')
    },
    status,
    async check () {
      for (const { name } of projections) {
        const { lagMs, objectiveMs, builds } = await status(name)
        if (lagMs === undefined || lagMs <= objectiveMs) continue
        const failure = builds.find(({ state }) => state === 'live')?.failure
        throw new ProjectionLateError(
          name,
          lagMs,
          objectiveMs,
          failure && `event ${failure.event} (${failure.type}) cannot be applied: ${failure.message}`
        )
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
