import type { Pool } from 'pg'
import { type Cancel, type Clock, type Random, runWithoutContext, sleep } from '../../../kernel/index.ts'
import type { Logger, Tracer } from '../../../telemetry/index.ts'
import { LeaseKeeper } from '../../lease/index.ts'
import { WorkerDrainedError } from '../errors.ts'
import type { JobMetrics } from '../job-metrics.ts'
import type { JobApp } from '../job-run.ts'
import type { Job } from '../job.ts'
import type { JobWorker } from '../jobs.ts'
import type { JobOutcome, JobStore } from '../store/index.ts'
import type { Switchboard } from '../wake/index.ts'
import { inBackground } from './background.ts'
import { Executor } from './executor.ts'
import { ProgressNotes } from './progress-notes.ts'
import { TierRunner } from './tier-runner.ts'
import { UpkeepLoop } from './upkeep-loop.ts'

/** How one process works on one tier, with all defaults filled in. */
export interface TierLimits {
  readonly concurrency: number
  readonly prefetch: number
}

export interface WorkerParts {
  readonly jobs: ReadonlyMap<string, Job>
  /** To begin with. */
  readonly tiers: readonly string[]
  readonly limitsOf: (tier: string) => TierLimits
  readonly store: JobStore
  readonly leaseMs: number
  readonly board: Switchboard
  readonly pool: Pool
  readonly app: JobApp
  readonly metrics: JobMetrics
  readonly tenantClass: (tenant: string) => string
  /** What else begins and ends with the worker. */
  readonly companion: { start(): Promise<void>; close(): Promise<void> } | undefined
  readonly version: string | undefined
  readonly tracer: Tracer | undefined
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** Between looks at what takes too long, in milliseconds. */
const sweepMs = 1_000
/** What runs whose signal has aborted are given to end, in milliseconds. */
const lastMs = 1_000

/** Runs the jobs of several tiers in this process. */
export class Worker implements JobWorker {
  readonly #parts: WorkerParts
  readonly #keeper: LeaseKeeper
  readonly #executor: Executor
  readonly #upkeep: UpkeepLoop
  readonly #notes: ProgressNotes
  readonly #runners: Map<string, TierRunner> = new Map()
  readonly #cancels: Cancel[] = []
  #isStarted = false
  #draining: Promise<void> | undefined

  constructor (parts: WorkerParts) {
    this.#parts = parts
    const { store, leaseMs, clock, logger, board, random } = parts
    this.#keeper = new LeaseKeeper({
      renew: (tokens) => this.#renew(tokens),
      leaseMs,
      onRenewError: (error) =>
        logger.warn({ err: error }, 'leases of jobs could not be renewed; trying again'),
      clock,
    })
    this.#notes = new ProgressNotes(store, clock, (id) => board.call({ tiers: [], changed: [id] }))
    this.#executor = new Executor({
      ...parts,
      surroundings: {
        pool: parts.pool,
        app: parts.app,
        logger,
        note: (run, progress) => this.#notes.note(run, progress),
      },
      onWritten: (id) => board.call({ tiers: [], changed: [id] }),
    })
    const onWaiting = (): void => board.call({ tiers: [...this.#runners.keys()] })
    this.#upkeep = new UpkeepLoop({ store, onWaiting, logger, clock, random })
  }

  get running (): number {
    return this.#executor.running
  }

  async start (): Promise<void> {
    const { board, clock, companion, tiers } = this.#parts
    this.#cancels.push(board.hear((call) => this.#hear(call.tiers, call.cancelled ?? [])))
    await board.listen()
    await companion?.start()
    if (this.#draining !== undefined) return
    this.#isStarted = true
    runWithoutContext(() => {
      this.#cancels.push(clock.every(sweepMs, () => this.#sweep()))
      this.#upkeep.start()
      for (const tier of tiers) this.serve(tier)
    })
  }

  /** Works on one more tier, if it is at work and does not yet. */
  serve (tier: string): void {
    if (!this.#isStarted || this.#draining !== undefined || this.#runners.has(tier)) return
    const { limitsOf, tenantClass, jobs, store, leaseMs, metrics, logger, clock, random } = this.#parts
    const runner = new TierRunner({
      tier,
      ...limitsOf(tier),
      jobs,
      store,
      keeper: this.#keeper,
      leaseMs,
      executor: this.#executor,
      metrics,
      classOf: tenantClass,
      onWritten: (outcomes, tracked) => this.#written(outcomes, tracked),
      logger,
      clock,
      random,
    })
    this.#runners.set(tier, runner)
    runner.wake()
  }

  /** Hears of jobs that become due at a time that is known here. @param atMs milliseconds since the epoch */
  dueAt (atMs: number): void {
    this.#upkeep.dueAt(atMs)
  }

  drain (graceMs: number): Promise<void> {
    this.#draining ??= this.#drain(graceMs)
    return this.#draining
  }

  close (): Promise<void> {
    return this.drain(0)
  }

  async #drain (graceMs: number): Promise<void> {
    const { clock, companion } = this.#parts
    for (const cancel of this.#cancels) cancel()
    const runners = [...this.#runners.values()]
    await Promise.all([companion?.close(), this.#upkeep.close(), ...runners.map((runner) => runner.drain())])
    await this.#idleWithin(graceMs)
    if (this.running > 0) {
      this.#executor.stop(() => new WorkerDrainedError())
      await this.#idleWithin(lastMs)
    }
    // What cannot be written now, because the database is away, is left to the leases.
    const flushed = Promise.all(runners.map((runner) => runner.flush()))
    const inTime = new AbortController()
    await Promise.race([flushed, sleep(clock, Math.max(lastMs, graceMs), inTime.signal)])
    inTime.abort()
    this.#notes.close()
    this.#keeper.close()
  }

  async #idleWithin (ms: number): Promise<void> {
    if (this.running === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#parts.clock.after(ms, resolve)
    const cancelLook = this.#parts.clock.every(10, () => {
      if (this.running === 0) resolve()
    })
    await promise
    cancel()
    cancelLook()
  }

  #hear (tiers: readonly string[], cancelled: readonly string[]): boolean {
    let taken = false
    for (const tier of tiers) if (this.#runners.get(tier)?.wake() === true) taken = true
    if (cancelled.length > 0) this.#cancel(cancelled)
    return taken
  }

  #cancel (ids: readonly string[]): void {
    const cancelled = new Set(ids)
    this.#executor.cancel(cancelled)
    for (const runner of this.#runners.values()) runner.cancel(cancelled)
  }

  async #renew (tokens: readonly bigint[]): Promise<readonly bigint[]> {
    const { store, leaseMs, clock } = this.#parts
    const { lost, cancelling } = await inBackground(clock, () => store.renew(tokens, leaseMs))
    if (cancelling.length > 0) this.#cancel(cancelling)
    return lost
  }

  #sweep (): void {
    this.#executor.sweep()
    for (const runner of this.#runners.values()) runner.sweep()
  }

  #written (outcomes: readonly JobOutcome[], tracked: ReadonlySet<string>): void {
    const changed: string[] = []
    for (const outcome of outcomes) {
      if (outcome.kind === 'retry' || outcome.kind === 'snooze') this.#upkeep.dueAt(outcome.atMs)
      if (tracked.size > 0 && tracked.has(outcome.id)) changed.push(outcome.id)
    }
    if (changed.length > 0) this.#parts.board.call({ tiers: [], changed })
  }
}
