import { type Cancel, type Clock, fullJitter, type Random, runWithoutContext } from '../../../kernel/index.ts'
import type { CounterSlot, HistogramSlot, Logger } from '../../../telemetry/index.ts'
import type { LeaseKeeper } from '../../lease/index.ts'
import type { Job } from '../define-job.ts'
import { JobLeaseLostError } from '../errors.ts'
import type { JobMetrics } from '../job-metrics.ts'
import type { ClaimedBatch, JobOutcome, JobStore } from '../store/index.ts'
import { promiseMsOf } from '../tier.ts'
import { inBackground } from './background.ts'
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
/** Between questions that found nothing, in milliseconds: from the first up to the longest. */
const idle = { firstMs: 10, longestMs: 1_000 }
/** After questions that failed. */
const backoff = { baseMs: 100, capMs: 5_000 }
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
  readonly #batches: Set<HeldBatch> = new Set()
  readonly #slots: Map<string, WaitSlots> = new Map()
  #waiting: HeldJob[] = []
  #running = 0
  #claiming: Promise<void> | undefined
  /** Something may be due that no claim has looked at. */
  #mayHaveMore = true
  #emptyClaims = 0
  #failures = 0
  /** No claim before, on the clock's `now()`. */
  #notBeforeMs = 0
  #cancelPoll: Cancel | undefined
  #sliceStartMs = 0
  #isYielding = false
  #isDraining = false

  constructor (parts: TierRunnerParts) {
    this.#parts = parts
    this.#names = [...parts.jobs.keys()].toSorted()
    this.#promiseMs = promiseMsOf(parts.tier)
    this.#ahead = new LookAhead(parts.concurrency, parts.prefetch)
  }

  get tier (): string {
    return this.#parts.tier
  }

  get running (): number {
    return this.#running
  }

  /**
   * Something may have become due.
   *
   * @returns whether a job could begin here now
   */
  wake (): boolean {
    if (this.#isDraining) return false
    this.#mayHaveMore = true
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
    const left = this.#waiting.filter(({ claimed: { id }, batch }) => {
      if (ids.has(id)) batch.add({ id, kind: 'cancelled' })
      return !ids.has(id)
    })
    this.#waiting = left
  }

  /** Takes no more, and gives back what has not begun. */
  async drain (): Promise<void> {
    this.#isDraining = true
    this.#cancelPoll?.()
    await this.#claiming
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
    const { executor, jobs, clock, classOf } = this.#parts
    const { claimed, batch } = held
    const job = jobs.get(claimed.name)
    if (batch.lease.signal.aborted) return batch.leave(1)
    if (job === undefined) return this.#putOff(held)
    if (claimed.expiresAtMs !== undefined && claimed.expiresAtMs <= clock.epochMs())
      return batch.add({ id: claimed.id, kind: 'expired' })
    const waitedMs = claimed.waitedMs + clock.now() - held.claimedAtMs
    const { wait, late } = this.#slotsOf(classOf(claimed.tenant))
    wait.record(waitedMs / 1_000)
    if (waitedMs > this.#promiseMs) late.add()
    this.#running++
    executor.start(held, job, (ms) => {
      this.#running--
      this.#ahead.ran(ms)
      this.#pump()
    })
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
    const wanted = concurrency + ahead - this.#running - this.#waiting.length
    if (this.#claiming !== undefined || wanted <= 0 || this.#waiting.length > ahead / 2) return
    const pausedMs = this.#notBeforeMs - this.#parts.clock.now()
    if (this.#mayHaveMore && pausedMs <= 0) {
      this.#cancelPoll?.()
      this.#cancelPoll = undefined
      this.#claiming = this.#claim(Math.min(wanted, claimLimit)).finally(() => {
        this.#claiming = undefined
        this.#sliceStartMs = this.#parts.clock.now()
        this.#pump()
      })
      return
    }
    this.#cancelPoll ??= this.#parts.clock.after(Math.max(pausedMs, this.#idleMs()), () => {
      this.#cancelPoll = undefined
      this.#mayHaveMore = true
      this.#pump()
    })
  }

  /** Longer and longer while nothing is found; spread, so that workers do not ask all at once. */
  #idleMs (): number {
    if (this.#failures > 0) return 0
    const waitMs = Math.min(idle.longestMs, idle.firstMs * 2 ** this.#emptyClaims)
    return waitMs * (0.75 + this.#parts.random() / 2)
  }

  async #claim (limit: number): Promise<void> {
    const { store, tier, leaseMs, clock, random, concurrency, metrics, logger } = this.#parts
    this.#mayHaveMore = false
    const sentMs = clock.now()
    const starting = Math.max(1, concurrency - this.#running - this.#waiting.length)
    try {
      const batch = await inBackground(
        clock,
        () => store.claim({ tier, names: this.#names, limit, starting: Math.min(limit, starting), leaseMs })
      )
      metrics.claims.slot({ tier, outcome: batch === undefined ? 'empty' : 'taken' }).add()
      this.#failures = 0
      this.#emptyClaims = batch === undefined ? this.#emptyClaims + 1 : 0
      if (batch === undefined) return
      if (batch.jobs.length >= limit) this.#mayHaveMore = true
      this.#hold(batch, sentMs)
    } catch (error) {
      metrics.claims.slot({ tier, outcome: 'failed' }).add()
      if (this.#failures++ === 0) logger.warn({ err: error, tier }, 'jobs cannot be taken; trying again')
      this.#mayHaveMore = true
      this.#notBeforeMs = clock.now() + fullJitter(this.#failures, backoff, random)
    }
  }

  #hold ({ token, jobs }: ClaimedBatch, sentMs: number): void {
    const { keeper, tier, store, clock, random, logger, onWritten } = this.#parts
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
    lease.signal.addEventListener('abort', () => this.#lose(batch))
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

  /** Its jobs are somebody else's, or might be. */
  #lose (batch: HeldBatch): void {
    const mine = this.#waiting.filter((held) => held.batch === batch)
    this.#waiting = this.#waiting.filter((held) => held.batch !== batch)
    batch.leave(mine.length)
    this.#parts.executor.stop((run) => run.batch === batch ? new JobLeaseLostError(run.id) : undefined)
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
