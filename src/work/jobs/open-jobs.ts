import type { Pool } from 'pg'
import { type Transaction, transaction } from '../../data/index.ts'
import {
  type Clock,
  type Context,
  currentContext,
  parseDuration,
  type Random,
  SettingError,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import { createLogger, type Logger } from '../../telemetry/index.ts'
import { CommitWatch } from './commit-watch.ts'
import { desks } from './desk.ts'
import { JobList } from './job-list.ts'
import { type JobMetrics, jobMetrics } from './job-metrics.ts'
import type { EnqueueOptions, JobTicket } from './job-options.ts'
import type { JobApp } from './job-run.ts'
import type { JobStatus } from './job-status.ts'
import type { Job } from './job.ts'
import type { OpenJobsOptions, WorkerOptions } from './jobs-options.ts'
import type { Jobs, JobWorker, WaitOptions } from './jobs.ts'
import { newJobs } from './new-job.ts'
import { attendedStore, Pressure } from './pressure/index.ts'
import { Scheduler } from './scheduler.ts'
import { StatusWatch } from './status-watch.ts'
import { type JobStore, type NewJob, postgresJobStore, type TierState } from './store/index.ts'
import { TierGauges } from './tier-gauges.ts'
import { tierLimits } from './tier-limits.ts'
import { isTier, type Tier } from './tier.ts'
import { notifyLine, Switchboard, type WakeLine } from './wake/index.ts'
import { inBackground, Worker } from './worker/index.ts'

/** Jobs of one statement, at most. */
const jobsAtOnce = 1_000

/**
 * Opens the queue of a service in its database, and makes its tables where they are missing. From then on jobs can be
 * enqueued in transactions of the pool; to run them, start a worker, in this process or any other.
 *
 * @throws SettingError when a part breaks its rule; TablesTooNewError; what PostgreSQL throws
 */
export async function openJobs (options: OpenJobsOptions): Promise<Jobs> {
  const queue = new Queue(options)
  await queue.prepare()
  return queue
}

class Queue implements Jobs {
  readonly store: JobStore
  readonly tiers: readonly Tier[]
  readonly pressure: Pressure
  readonly #options: OpenJobsOptions
  readonly #list: JobList
  readonly #clock: Clock
  readonly #random: Random
  readonly #logger: Logger
  readonly #leaseMs: number
  readonly #metrics: JobMetrics
  readonly #line: WakeLine
  readonly #board: Switchboard
  readonly #commits: CommitWatch
  readonly #statuses: StatusWatch
  readonly #gauges: TierGauges
  readonly #workers: Set<Worker> = new Set()
  #closing: Promise<void> | undefined

  constructor (options: OpenJobsOptions) {
    const { pool, jobs, schedules = [], tiers = {}, schema, lease = '30s', look = '2s', registry } = options
    const { clock = systemClock, random = systemRandom, logger = createLogger({ level: 'silent' }) } = options
    this.#options = options
    this.#clock = clock
    this.#random = random
    this.#logger = logger
    this.#list = new JobList(jobs, schedules)
    this.tiers = this.#list.tiers
    for (const [tier, limits] of Object.entries(tiers)) tierLimits(tier, limits)
    this.#leaseMs = parseDuration(lease, 'jobs.lease')
    if (!(this.#leaseMs >= 1_000)) throw new SettingError('jobs.lease', 'at least 1 s', lease)
    const store = options.store ?? postgresJobStore({
      pool,
      schema,
      auditKeep: options.auditKeep,
      clock,
      onError: (error) => logger.warn({ err: error }, 'the queue could not do its upkeep; trying again'),
    })
    this.store = attendedStore({ store, pool, schema, clock })
    this.#metrics = jobMetrics(registry)
    this.#line = options.wake ?? notifyLine({ pool, schema, clock, random })
    this.#board = new Switchboard(this.#line)
    this.#commits = new CommitWatch(clock, (ended) => this.#board.call({ tiers: [...ended] }))
    this.#statuses = new StatusWatch(this.store, this.#board, clock)
    this.#gauges = new TierGauges(registry, this.tiers)
    this.pressure = new Pressure({
      pool,
      schema,
      store: { name: store.name, tiers: () => this.#look() },
      tiers: this.tiers,
      weights: options.weights,
      registry,
      logger,
      everyMs: parseDuration(look, 'jobs.look'),
      clock,
      random,
    })
  }

  async prepare (): Promise<void> {
    await this.store.prepare()
    desks.bind(this.#options.pool, this)
    this.pressure.start()
  }

  async enqueue<Input> (
    tx: Transaction,
    job: Job<Input>,
    input: Input,
    options: EnqueueOptions = {}
  ): Promise<JobTicket> {
    const [ticket] = await this.enqueueMany(tx, job, [input], options)
    return ticket!
  }

  async enqueueMany<Input> (
    tx: Transaction,
    job: Job<Input>,
    inputs: readonly Input[],
    options: EnqueueOptions = {}
  ): Promise<readonly JobTicket[]> {
    this.#list.check(job)
    const { weights = everybodyAlike } = this.#options
    const context = currentContext()
    const rows = newJobs(job, inputs, options, context, { clock: this.#clock, weights })
    const [first] = rows
    if (first === undefined) return []
    if (first.runAtMs === undefined && refusesLate(options, context))
      this.pressure.check(first.tier, first.tenant)
    const isOneStatement = rows.length <= jobsAtOnce && rows.every(({ unique }) => unique === undefined)
    const tickets = isPool(tx) && !isOneStatement ?
      await transaction(tx, (own) => this.#write(own, rows)) :
      await this.#write(tx, rows)
    const { tier } = job.policy
    const duplicates = tickets.filter(({ duplicate }) => duplicate).length
    this.#metrics.enqueued.slot({ tier, outcome: 'new' }).add(tickets.length - duplicates)
    if (duplicates > 0) this.#metrics.enqueued.slot({ tier, outcome: 'duplicate' }).add(duplicates)
    if (first.runAtMs === undefined) this.#commits.wrote(tx, tier)
    else for (const worker of this.#workers) worker.dueAt(first.runAtMs)
    return tickets
  }

  job (name: string): Job {
    return this.#list.get(name)
  }

  status (id: string): Promise<JobStatus | undefined> {
    return this.#statuses.status(id)
  }

  waitFor (id: string, options?: WaitOptions): Promise<JobStatus | undefined> {
    return this.#statuses.waitFor(id, options)
  }

  get stopping (): AbortSignal {
    return this.#statuses.stopping
  }

  stopWaiting (): void {
    this.#statuses.stopWaiting()
  }

  async cancel (id: string): Promise<'cancelled' | 'cancelling' | 'done' | 'unknown'> {
    const outcome = await this.store.cancel(id)
    if (outcome === 'cancelling') this.#board.call({ tiers: [], cancelled: [id], changed: [id] })
    else if (outcome === 'cancelled') this.#board.call({ tiers: [], changed: [id] })
    return outcome
  }

  worker ({ tiers, schedules: runsSchedules = true }: WorkerOptions = {}): JobWorker {
    const { pool, schema, tiers: limits = {}, schedules = [], tracer, version } = this.#options
    const scheduler = new Scheduler({
      pool,
      schema,
      schedules: runsSchedules ? schedules : [],
      enqueue: async (tx, schedule, at) => {
        await this.enqueue(tx, schedule.job, schedule.inputAt(at))
      },
      logger: this.#logger,
      clock: this.#clock,
      random: this.#random,
    })
    const worker = new Worker({
      jobs: this.#list.byName,
      tiers: tiers ?? this.tiers,
      limitsOf: (tier) => tierLimits(tier, limits[tier as Tier]),
      store: this.store,
      leaseMs: this.#leaseMs,
      board: this.#board,
      pool,
      // Whoever says what `app` has gives it, too.
      app: this.#options.app ?? {} as JobApp,
      metrics: this.#metrics,
      tenantClass: (tenant) => this.#classOf(tenant),
      companion: scheduler,
      version,
      tracer,
      logger: this.#logger,
      clock: this.#clock,
      random: this.#random,
    })
    this.#workers.add(worker)
    // Jobs that another release has left in a tier of its own are run, too.
    if (tiers === undefined)
      this.#gauges.hear((states) => serveLeft(worker, states))
    return worker
  }

  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  async #write (tx: Transaction, rows: readonly NewJob[]): Promise<JobTicket[]> {
    const tickets: JobTicket[] = []
    for (let first = 0; first < rows.length; first += jobsAtOnce) {
      const enqueued = await this.store.enqueue(tx, rows.slice(first, first + jobsAtOnce))
      for (const { id, duplicateOf } of enqueued)
        tickets.push({ id: duplicateOf ?? id, duplicate: duplicateOf !== undefined })
    }
    return tickets
  }

  /** What names a metric's label must not cost a job its run. */
  #classOf (tenant: string): string {
    try {
      return this.#options.tenantClass?.(tenant) ?? 'all'
    } catch {
      return 'unknown'
    }
  }

  /** One look serves all who want to know. */
  async #look (): Promise<readonly TierState[]> {
    const states = await inBackground(this.#clock, () => this.store.tiers())
    this.#gauges.show(states)
    return states
  }

  async #close (): Promise<void> {
    const { pool, wake } = this.#options
    desks.unbind(pool, this)
    await Promise.all([...this.#workers].map((worker) => worker.close()))
    this.#statuses.close()
    await this.pressure.close()
    if (wake === undefined) await this.#line.close()
    await this.store.close()
  }
}

function serveLeft (worker: Worker, states: readonly TierState[]): void {
  for (const { tier, depth } of states) if (depth > 0 && isTier(tier)) worker.serve(tier)
}

function everybodyAlike (): number {
  return 1
}

/** Who waits for an answer can come back later; what a job leaves to do, nobody would bring again. */
function refusesLate ({ whenLate }: EnqueueOptions, context: Context | undefined): boolean {
  if (whenLate !== undefined) return whenLate === 'refuse'
  return context !== undefined && context.criticality !== 'background'
}

function isPool (tx: object): tx is Pool {
  return 'totalCount' in tx
}
