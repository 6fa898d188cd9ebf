import { runWithoutContext, sleep } from '../../kernel/index.ts'
import { formatPosition, logStart } from '../events/index.ts'
import type { HeldLease, Leases } from '../lease/index.ts'
import { Applier, type ApplierParts } from './applier.ts'
import type { Build } from './build.ts'
import { Builder } from './builder.ts'
import { BuildMovedError, ProjectionLogCutError } from './errors.ts'
import type { ProjectionMetrics } from './metrics.ts'

export interface RunnerParts extends ApplierParts {
  readonly leases: Leases
  readonly metrics: ProjectionMetrics
  /** Hears that a build was brought to its end here: it is live, or refused. */
  readonly onBuilt: () => void
}

/** Between looks whether there is something to do, or to take over, in milliseconds. */
const lookMs = 1_000

/** Keeps one projection up to date, in whichever process holds its lease, and builds it anew where that is asked for. */
export class ProjectionRunner {
  readonly #parts: RunnerParts
  readonly #stopping: AbortController = new AbortController()
  /** Ends the following of a build that is being replaced. */
  #replaced: AbortController = new AbortController()
  #nudge: PromiseWithResolvers<void> = Promise.withResolvers()
  #loops: Promise<unknown> | undefined

  constructor (parts: RunnerParts) {
    this.#parts = parts
  }

  /** Makes the tables where there are none, and begins. */
  async start (): Promise<void> {
    await runWithoutContext(async () => {
      await this.#prepare()
      this.#loops = Promise.all([
        this.#again('follow', () => this.#follow()),
        this.#again('build', () => this.#build()),
      ])
    })
  }

  /** What is under way is brought to its end. */
  async close (): Promise<void> {
    this.#stopping.abort(new Error('the projection stops'))
    this.#nudge.resolve()
    await this.#loops
  }

  /** Somebody has asked for a build: no need to wait for the next look. */
  nudge (): void {
    this.#nudge.resolve()
  }

  /** Tables, for a projection that is new or has a new version. */
  async #prepare (): Promise<void> {
    const { projection, store } = this.#parts
    const builds = await store.builds(projection.name)
    const live = builds.find(({ state }) => state === 'live')
    await forgetGone(this.#parts)
    if (live !== undefined && live.version >= projection.version) return
    if (builds.some(({ state, version }) => state === 'refused' && version === projection.version)) return
    await beginBuild(this.#parts)
  }

  async #again (what: string, work: () => Promise<boolean>): Promise<void> {
    const { logger, projection, clock } = this.#parts
    const { signal } = this.#stopping
    while (!signal.aborted) {
      let isMore = false
      try {
        isMore = await work()
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof BuildMovedError))
          logger?.error(
            { err: error, projection: projection.name },
            `a projection could not ${what} and tries again`
          )
      }
      if (isMore) continue
      await Promise.race([sleep(clock, lookMs, signal).catch(() => {}), this.#nudge.promise])
      this.#nudge = Promise.withResolvers()
    }
  }

  /** Applies to the live build, where it is of our version and nobody else does. @returns whether to look again at once */
  async #follow (): Promise<boolean> {
    const { projection } = this.#parts
    const live = await this.#find('live')
    if (live?.version !== projection.version) return false
    return await this.#holding(live, async (lease) => {
      const applier = new Applier(this.#parts, (await this.#find('live')) ?? live)
      if (applier.build.build !== live.build) return
      await applier.open()
      this.#replaced = new AbortController()
      await applier.follow(AbortSignal.any([this.#stopping.signal, this.#replaced.signal, lease.signal]))
    })
  }

  /** Brings a new build into its place, where there is one and nobody else does. @returns whether to look again at once */
  async #build (): Promise<boolean> {
    const { projection, store, logger } = this.#parts
    // What could not be dropped, since somebody read it, can be later.
    if (await this.#find('old') !== undefined) {
      await store.dropOld(projection.name).catch((error: unknown) =>
        logger?.info(
          { err: error, projection: projection.name },
          'the tables of an old build are still in use'
        )
      )
    }
    const building = await this.#find('building')
    if (building?.version !== projection.version) return false
    return await this.#holding(building, async (lease) => {
      const current = await store.find(projection.name, building.build)
      if (current?.state !== 'building') return
      const signal = AbortSignal.any([this.#stopping.signal, lease.signal])
      if (await new Builder(this.#parts, current).run(signal))
        this.#replaced.abort(new Error('a new build is live'))
      this.#parts.onBuilt()
      this.nudge()
    })
  }

  async #find (state: Build['state']): Promise<Build | undefined> {
    const { projection, store } = this.#parts
    return (await store.builds(projection.name)).findLast((build) => build.state === state)
  }

  /** @returns whether the build was ours for a while */
  async #holding (build: Build, work: (lease: HeldLease) => Promise<void>): Promise<boolean> {
    const lease = await this.#parts.leases.take(Applier.reader(build))
    if (lease === undefined) return false
    try {
      await work(lease)
      return true
    } finally {
      await lease.release()
    }
  }
}

/** Checkpoints of builds that are no more would keep the log from being dropped: of a process that ended in between, say. */
async function forgetGone ({ projection, store, log }: ApplierParts): Promise<void> {
  // In this order: a build is there before its checkpoint is.
  const checkpoints = await log.checkpoints.list()
  const builds = await store.builds(projection.name)
  const kept = new Set(builds.filter(({ state }) => state !== 'old').map((build) => Applier.reader(build)))
  for (const { name } of checkpoints) {
    if (Applier.isReader(name, projection.name) && !kept.has(name)) await log.checkpoints.remove(name)
  }
}

/**
 * Makes the tables of a build, from the first event on.
 *
 * @throws ProjectionLogCutError where the log no longer has its first events
 */
export async function beginBuild ({ projection, store, log }: ApplierParts): Promise<Build> {
  const tail = await log.tail()
  if (tail !== undefined && !projection.partial)
    throw new ProjectionLogCutError(projection.name, formatPosition(tail))
  return await store.begin(projection, tail ?? logStart)
}
