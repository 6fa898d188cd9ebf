import { type Clock, type Random, runWithoutContext } from '../../../kernel/index.ts'
import type { CounterSlot, HistogramSlot, Logger } from '../../../telemetry/index.ts'
import type { LeaseKeeper } from '../../lease/index.ts'
import { JobLeaseLostError } from '../errors.ts'
import type { JobMetrics } from '../job-metrics.ts'
import type { Job } from '../job.ts'
import type { ClaimedBatch, JobOutcome, JobStore } from '../store/index.ts'
import { promiseMsOf } from '../tier.ts'
import { inBackground } from './background.ts'
import { ClaimPace } from './claim-pace.ts'
import type { Executor } from './executor.ts'
import { HeldBatch } from './held-batch.ts'
import { LookAhead } from './look-ahead.ts'
import type { HeldJob } from './run.ts'

export interface TierRunnerParts {
  readonly tier: string
  readonly concurrency: number
  readonly prefetch: number
  readonly jobs: ReadonlyMap<string, Job>
  readonly store: JobStore
  readonly keeper: LeaseKeeper
  readonly leaseMs: number
  readonly executor: Executor
  readonly metrics: JobMetrics
  readonly classOf: (tenant: string) => string
  /** Hears of outcomes that were written, and which jobs of their batch are tracked. */
  readonly onWritten: (outcomes: readonly JobOutcome[], tracked: ReadonlySet<string>) => void
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

interface WaitSlots {
  readonly wait: HistogramSlot
  readonly late: CounterSlot
}

/** Jobs of one claim, at most. */
const claimLimit = 1_000
/** Claims under way at once, at most, where each is as large as may be: the database works on one while another's jobs run. */
const claimsAtOnce = 2
/** Jobs that were taken ahead and have waited for so long go back, in milliseconds. */
const aheadMs = 1_000
/** After so long without a pause the event loop gets its turn, in milliseconds. */
const sliceMs = 8
/** A job of an unknown name is put off for so long, in milliseconds. */
const unknownMs = 30_000

/** Takes jobs of one tier and has them run, as many at once as it may. */
export class TierRunner {
  readonly #parts: TierRunnerParts
  readonly #names: readonly string[]
  readonly #promiseMs: number
  readonly #ahead: LookAhead
  readonly #pace: ClaimPace
  readonly #batches: Set<HeldBatch> = new Set()
  readonly #slots: Map<string, WaitSlots> = new Map()
  #waiting: HeldJob[] = []
  #running = 0
  readonly #claims: Set<Promise<void>> = new Set()
  /** How many jobs the claims under way may bring. */
  #coming = 0
  #sliceStartMs = 0
  #isYielding = false
  #isDraining = false

  constructor (parts: TierRunnerParts) {
    this.#parts = parts
    this.#names = [...parts.jobs.keys()].toSorted()
    this.#promiseMs = promiseMsOf(parts.tier)
    this.#ahead = new LookAhead(parts.concurrency, parts.prefetch)
    this.#pace = new ClaimPace(parts.clock, parts.random)
  }

  get tier (): string {
    return this.#parts.tier
  }

  /**
   * Something may have become due.
   *
   * @returns whether a job could begin here now
   */
  wake (): boolean {
    if (this.#isDraining) return false
    this.#pace.call()
    const free = this.#running + this.#waiting.length < this.#parts.concurrency
    runWithoutContext(() => this.#pump())
    return free
  }

  /** Gives back what was taken ahead and does not get its turn. */
  sweep (): void {
    const first = this.#waiting[0]
    if (first === undefined || this.#parts.clock.now() - first.claimedAtMs < aheadMs) return
    this.#ahead.waited(aheadMs)
    void this.#giveBack(this.#waiting.splice(0))
  }

  /** Ends jobs that were cancelled before they began. */
  cancel (ids: ReadonlySet<string>): void {
    const cancelled = this.#waiting.filter(({ claimed }) => ids.has(claimed.id))
    this.#waiting = this.#waiting.filter(({ claimed }) => !ids.has(claimed.id))
    for (const { claimed: { id }, batch } of cancelled) batch.add({ id, kind: 'cancelled' })
  }

  /** Takes no more, and gives back what has not begun. */
  async drain (): Promise<void> {
    this.#isDraining = true
    this.#pace.stop()
    await Promise.all(this.#claims)
    await this.#giveBack(this.#waiting.splice(0))
  }

  /** Writes what has ended. */
  async flush (): Promise<void> {
    await Promise.all([...this.#batches].map((batch) => batch.flush()))
  }

  #pump (): void {
    const { clock, concurrency } = this.#parts
    if (this.#isYielding || this.#isDraining) return
    while (this.#running < concurrency && this.#waiting.length > 0) {
      if (clock.now() - this.#sliceStartMs > sliceMs) return this.#yieldLoop()
      this.#start(this.#waiting.shift()!)
    }
    this.#askForMore()
  }

  /** Tiny jobs follow each other without a pause: other work of the process must get its turn, too. */
  #yieldLoop (): void {
    this.#isYielding = true
    setImmediate(() => {
      this.#isYielding = false
      this.#sliceStartMs = this.#parts.clock.now()
      this.#pump()
    })
  }

  #start (held: HeldJob): void {
    const { executor, jobs, keeper, clock, classOf } = this.#parts
    const { claimed, batch } = held
    const job = jobs.get(claimed.name)
    // After a pause of the process it may be somebody else's before any timer has told so.
    if (!keeper.holds(batch.lease.token)) return batch.leave(1)
    if (job === undefined) return this.#putOff(held)
    if (claimed.expiresAtMs !== undefined && claimed.expiresAtMs <= clock.epochMs())
      return batch.add({ id: claimed.id, kind: 'expired' })
    const waitedMs = claimed.waitedMs + clock.now() - held.claimedAtMs
    const { wait, late } = this.#slotsOf(classOf(claimed.tenant))
    wait.record(waitedMs / 1_000)
    if (waitedMs > this.#promiseMs) late.add()
    this.#running++
    executor.start(held, job, this.#ended)
  }

  readonly #ended = (ms: number): void => {
    this.#running--
    this.#ahead.ran(ms)
    this.#pump()
  }

  #slotsOf (tenantClass: string): WaitSlots {
    let slots = this.#slots.get(tenantClass)
    if (slots === undefined) {
      const { tier, metrics: { waits, late } } = this.#parts
      const labels = { tier, tenant_class: tenantClass }
      this.#slots.set(tenantClass, slots = { wait: waits.slot(labels), late: late.slot(labels) })
    }
    return slots
  }

  /** A store that does not heed names has handed out a job of another release. */
  #putOff ({ claimed: { id, name, tier }, batch }: HeldJob): void {
    const { clock, logger } = this.#parts
    logger.warn({ job: name, job_id: id, tier }, 'this release has no such job: it waits for one that has')
    batch.add({ id, kind: 'snooze', atMs: clock.epochMs() + unknownMs })
  }

  #askForMore (): void {
    const { concurrency } = this.#parts
    const { jobs: ahead } = this.#ahead
    const here = this.#waiting.length + this.#coming
    const wanted = concurrency + ahead - this.#running - here
    if (wanted <= 0 || wanted < claimLimit && here > ahead / 2) return
    if (this.#claims.size > 0) {
      if (this.#claims.size < claimsAtOnce && wanted >= claimLimit && this.#pace.isFlowing)
        this.#begin(claimLimit)
    } else if (this.#pace.isDue) this.#begin(Math.min(wanted, claimLimit))
    else this.#pace.wait(() => this.#pump())
  }

  #begin (limit: number): void {
    this.#coming += limit
    const claim = this.#claim(limit).finally(() => {
      this.#coming -= limit
      this.#claims.delete(claim)
      this.#sliceStartMs = this.#parts.clock.now()
      this.#pump()
    })
    this.#claims.add(claim)
    this.#askForMore()
  }

  async #claim (limit: number): Promise<void> {
    const { store, tier, leaseMs, clock, concurrency, metrics, logger } = this.#parts
    this.#pace.begin()
    const sentMs = clock.now()
    const others = this.#running + this.#waiting.length + this.#coming - limit
    const starting = Math.max(1, concurrency - others)
    try {
      const batch = await inBackground(
        clock,
        () => store.claim({ tier, names: this.#names, limit, starting: Math.min(limit, starting), leaseMs })
      )
      metrics.claims.slot({ tier, outcome: batch === undefined ? 'empty' : 'taken' }).add()
      if (batch === undefined) return this.#pace.foundNothing()
      this.#pace.found(batch.jobs.length >= limit)
      this.#hold(batch, sentMs)
    } catch (error) {
      metrics.claims.slot({ tier, outcome: 'failed' }).add()
      if (this.#pace.failed()) logger.warn({ err: error, tier }, 'jobs cannot be taken; trying again')
    }
  }

  #hold ({ token, jobs }: ClaimedBatch, sentMs: number): void {
    const { keeper, tier, store, executor, clock, random, logger, onWritten } = this.#parts
    const tracked = new Set(jobs.filter((claimed) => claimed.tracked).map(({ id }) => id))
    const lease = keeper.keep(token, sentMs, `jobs of ${tier}`)
    const batch = new HeldBatch({
      lease,
      jobs: jobs.length,
      settle: (held, outcomes) => inBackground(clock, () => store.settle(held, outcomes)),
      onSettled: (outcomes, lost) => {
        if (lost.size > 0) this.#tellLost(lost)
        onWritten(lost.size === 0 ? outcomes : outcomes.filter(({ id }) => !lost.has(id)), tracked)
      },
      onSettleError: (error) =>
        logger.warn({ err: error, tier }, 'runs of jobs cannot be noted; trying again'),
      onEnded: () => {
        keeper.drop(token)
        this.#batches.delete(batch)
      },
      clock,
      random,
    })
    lease.signal.addEventListener('abort', () => {
      executor.stop((run) => run.batch === batch ? new JobLeaseLostError(run.id) : undefined)
    })
    this.#batches.add(batch)
    const claimedAtMs = clock.now()
    let text = 0
    for (const claimed of jobs) {
      text += claimed.payload.length
      this.#waiting.push({ claimed, batch, claimedAtMs })
    }
    this.#ahead.took(jobs.length, text)
  }

  #tellLost (ids: ReadonlySet<string>): void {
    const { logger, metrics, tier } = this.#parts
    metrics.lost.slot({ tier }).add(ids.size)
    logger.warn({ tier, job_ids: [...ids].slice(0, 10) }, 'jobs ended here that another worker has by now')
  }

  async #giveBack (held: readonly HeldJob[]): Promise<void> {
    const { store, clock, logger, tier } = this.#parts
    await Promise.all([...Map.groupBy(held, ({ batch }) => batch)].map(async ([batch, jobs]) => {
      try {
        const ids = jobs.map(({ claimed }) => claimed.id)
        await batch.quiet()
        await inBackground(clock, () => store.giveBack(batch.lease.token, ids))
      } catch (error) {
        logger.warn({ err: error, tier }, 'jobs cannot be given back; their lease runs out')
      }
      batch.leave(jobs.length)
    }))
  }
}
