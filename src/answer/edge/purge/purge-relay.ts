import { type BackoffLimits, type Clock, fullJitter, type Random, sleep } from '../../../kernel/index.ts'
import type { EdgeKeys } from '../policy/index.ts'
import { batchesOf, type PurgeBatch } from './batches.ts'
import { CallBudget } from './call-budget.ts'
import type { EdgePurger } from './edge-purger.ts'
import { EdgePurgeError } from './errors.ts'
import type { PurgerMetrics } from './metrics.ts'
import type { PurgeQueue } from './purge-queue.ts'

/** Says what a person should know; at most once a call. What it throws is ignored. */
export type OnPurgeFailure = (failure: {
  readonly purger: string
  /** Calls in a row that were not accepted. */
  readonly failures: number
  readonly nextTryMs: number
  readonly error: unknown
}) => void

export interface PurgeRelayOptions {
  readonly purger: EdgePurger
  readonly queue: Pick<PurgeQueue<never>, 'claim' | 'settle' | 'repeat' | 'postpone'>
  readonly keys: EdgeKeys
  /** Done before the edge is told, since it may ask the origin at once. */
  readonly before: ((tags: readonly string[]) => Promise<unknown>) | undefined
  readonly leaseMs: number
  /** The longest pause between two looks into the queue. */
  readonly pollMs: number
  /** Undefined for no repetition. */
  readonly repeatMs: number | undefined
  readonly backoff: BackoffLimits
  readonly metrics: PurgerMetrics
  readonly onFailure: OnPurgeFailure
  readonly clock: Clock
  readonly random: Random
}

/** A look right after an enqueue comes too early where its transaction is still open: looks are this far apart, then double. */
const eagerMs = 5

/** The longest wait that an edge may ask for: a mistake of its clock, say, must not stop its purges for good. */
const longestAskedMs = 3_600_000

/** Brings the purges of one edge from the queue to it. Any number of relays, in any processes, may serve one edge. */
export class PurgeRelay {
  readonly #options: PurgeRelayOptions
  readonly #budget: CallBudget
  readonly #closing: AbortController = new AbortController()
  #running: Promise<void> | undefined
  #wake: () => void = () => {}
  #pauseMs: number
  #failures = 0

  constructor (options: PurgeRelayOptions) {
    this.#options = options
    this.#budget = new CallBudget(options.purger.limits, options.clock)
    this.#pauseMs = options.pollMs
  }

  start (): void {
    this.#running ??= this.#run()
  }

  /** Something has been enqueued, and may be there any moment. */
  nudge (): void {
    this.#pauseMs = eagerMs
    this.#wake()
  }

  /** Ends after the call that is under way. What it leaves is done by others, or by the next start. */
  async close (): Promise<void> {
    this.#closing.abort()
    this.#wake()
    await this.#running
  }

  async #run (): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await this.#pause(this.#budget.waitMs())
        if (this.#closing.signal.aborted) return
        if (await this.#round()) continue
        const pauseMs = this.#pauseMs
        this.#pauseMs = Math.min(this.#options.pollMs, pauseMs * 2)
        await this.#idle(pauseMs)
      } catch (error) {
        // The queue itself failed: its database is away.
        await this.#pause(this.#failed(error, undefined))
      }
    }
  }

  /** @returns whether there was something to do */
  async #round (): Promise<boolean> {
    const { purger, queue, keys, leaseMs } = this.#options
    const jobs = await queue.claim(purger.name, purger.limits.keysPerCall, leaseMs)
    if (jobs.length === 0) return false
    for (const batch of batchesOf(jobs, purger.limits, keys)) {
      await this.#pause(this.#budget.waitMs())
      if (this.#closing.signal.aborted) await queue.postpone(idsOf(batch), 0)
      else await this.#pause(await this.#call(batch))
    }
    return true
  }

  /** @returns how long to leave the edge alone, in milliseconds */
  async #call (batch: PurgeBatch): Promise<number> {
    const { purger, queue, before, repeatMs, metrics, clock } = this.#options
    const ids = idsOf(batch)
    const startedMs = clock.now()
    let acceptedMs: number
    try {
      await before?.([...new Set(batch.jobs.map(({ tag }) => tag))])
      this.#budget.take()
      await purger.purge(batch.keys, batch.mode)
      acceptedMs = clock.now()
    } catch (error) {
      const tries = Math.max(...batch.jobs.map((job) => job.tries))
      const waitMs = this.#failed(error, tries)
      metrics.calls.record((clock.now() - startedMs) / 1_000)
      await queue.postpone(ids, waitMs)
      // A call that is refused may be the fault of its keys: the others need not wait for it.
      return error instanceof EdgePurgeError && error.failure === 'refused' ? 0 : waitMs
    }
    this.#failures = 0
    metrics.outcomes.accepted.add()
    metrics.calls.record((acceptedMs - startedMs) / 1_000)
    for (const { pass, ageMs } of batch.jobs) {
      if (pass === 1) metrics.purges.record((ageMs + acceptedMs - startedMs) / 1_000)
    }
    await this.#finish(batch, ids, repeatMs)
    return 0
  }

  async #finish ({ jobs }: PurgeBatch, ids: readonly string[], repeatMs: number | undefined): Promise<void> {
    const { queue } = this.#options
    if (repeatMs === undefined) return await queue.settle(ids)
    const first = jobs.filter(({ pass }) => pass === 1).map(({ id }) => id)
    const second = jobs.filter(({ pass }) => pass !== 1).map(({ id }) => id)
    if (second.length > 0) await queue.settle(second)
    if (first.length > 0) await queue.repeat(first, repeatMs)
  }

  /** @returns how long to wait, in milliseconds */
  #failed (error: unknown, tries: number | undefined): number {
    const { purger, backoff, random, metrics, onFailure } = this.#options
    this.#failures++
    const told = error instanceof EdgePurgeError ? error : undefined
    if (tries !== undefined) metrics.outcomes[told?.failure ?? 'unavailable'].add()
    const jitterMs = fullJitter(Math.min(30, Math.max(tries ?? 0, this.#failures)), backoff, random)
    // Not before the edge asked, and not all at that moment.
    const nextTryMs = Math.ceil(Math.min(longestAskedMs, told?.retryAfterMs ?? 0) + jitterMs)
    try {
      onFailure({ purger: purger.name, failures: this.#failures, nextTryMs, error })
    } catch {
      // Purges go on, whether or not somebody can be told.
    }
    return nextTryMs
  }

  /** A pause that only the end cuts short. */
  async #pause (ms: number): Promise<void> {
    if (ms <= 0 || this.#closing.signal.aborted) return
    await sleep(this.#options.clock, ms, this.#closing.signal).catch(() => {})
  }

  /** A pause that an enqueue cuts short too. */
  async #idle (ms: number): Promise<void> {
    if (this.#closing.signal.aborted) return
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
    this.#wake = () => {}
  }
}

function idsOf ({ jobs }: PurgeBatch): readonly string[] {
  return jobs.map(({ id }) => id)
}
