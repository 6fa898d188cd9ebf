import {
  type Cancel,
  type Clock,
  parseDuration,
  runWithoutContext,
  SettingError,
  uuidOf,
} from '../../kernel/index.ts'
import { isFinal, type JobStatus, statusOf } from './job-status.ts'
import type { WaitOptions } from './jobs.ts'
import type { JobStore } from './store/index.ts'
import type { Switchboard } from './wake/index.ts'

/** Between looks at a job that somebody waits for, in milliseconds: from the first up to the longest. */
const pause = { firstMs: 50, longestMs: 2_000 }

/** Tells how tracked jobs stand, and lets callers wait for news of them. */
export class StatusWatch {
  readonly #store: JobStore
  readonly #clock: Clock
  readonly #waiters: Map<string, Set<() => void>> = new Map()
  readonly #board: Switchboard
  #unhear: Cancel | undefined
  #isClosed = false

  constructor (store: JobStore, board: Switchboard, clock: Clock) {
    this.#store = store
    this.#board = board
    this.#clock = clock
  }

  async status (id: string): Promise<JobStatus | undefined> {
    if (!isUuid(id)) return undefined
    const receipt = await this.#store.receipt(id)
    return receipt === undefined ? undefined : statusOf(receipt)
  }

  /** See `Jobs.waitFor`. */
  async waitFor (
    id: string,
    { signal, timeout = '30s', since }: WaitOptions = {}
  ): Promise<JobStatus | undefined> {
    const endMs = this.#clock.now() + parseDuration(timeout, 'waitFor.timeout')
    this.#hearOthers()
    for (let pauseMs = pause.firstMs;; pauseMs = Math.min(2 * pauseMs, pause.longestMs)) {
      // Begun before the look, so that news that come during it are not missed.
      const news = this.#newsOf(id)
      try {
        // Outside of the caller's unit of work, in which one statement again and again is told as a fault.
        const status = await runWithoutContext(() => this.status(id))
        const leftMs = endMs - this.#clock.now()
        const isOver = leftMs <= 0 || signal?.aborted === true || this.#isClosed
        if (status === undefined || isNews(status, since) || isOver) return status
        await this.#until(news.promise, Math.min(pauseMs, leftMs), signal)
      } finally {
        news.forget()
      }
    }
  }

  close (): void {
    this.#isClosed = true
    this.#unhear?.()
    for (const waiters of this.#waiters.values()) for (const wake of waiters) wake()
  }

  /** Only who waits needs to hear. */
  #hearOthers (): void {
    this.#unhear ??= this.#board.hear(({ changed = [] }) => {
      for (const id of changed) for (const wake of this.#waiters.get(id) ?? []) wake()
    })
    // Without it, looks alone will tell.
    void this.#board.listen().catch(() => {})
  }

  #newsOf (id: string): { readonly promise: Promise<void>; readonly forget: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiters = this.#waiters.get(id) ?? new Set()
    this.#waiters.set(id, waiters.add(resolve))
    return {
      promise,
      forget: () => {
        waiters.delete(resolve)
        if (waiters.size === 0 && this.#waiters.get(id) === waiters) this.#waiters.delete(id)
      },
    }
  }

  async #until (news: Promise<void>, ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = (): void => resolve()
    const cancel = this.#clock.after(ms, wake)
    signal?.addEventListener('abort', wake, { once: true })
    try {
      await Promise.race([news, promise])
    } finally {
      cancel()
      signal?.removeEventListener('abort', wake)
    }
  }
}

function isNews (status: JobStatus, since: WaitOptions['since']): boolean {
  if (isFinal(status)) return true
  return since !== undefined && (status.state !== since.state || status.changedAt !== since.changedAt)
}

function isUuid (id: string): boolean {
  if (typeof id !== 'string') throw new SettingError('job id', 'a text', id)
  return uuidOf(id) !== undefined
}
