import { type Cancel, type Clock, parseDuration, SettingError, uuidOf } from '../../kernel/index.ts'
import { isFinal, type JobStatus, statusOf } from './job-status.ts'
import type { WaitOptions } from './jobs.ts'
import { StatusLooks } from './status-looks.ts'
import type { JobStore } from './store/index.ts'
import type { Switchboard } from './wake/index.ts'

/**
 * Between looks at a job that somebody waits for, in milliseconds: from the first up to the longest. Looks are taken at
 * multiples of it, so that those of all who wait fall together.
 */
const pause = { firstMs: 50, longestMs: 1_600 }

/** Tells how tracked jobs stand, and lets callers wait for news of them. */
export class StatusWatch {
  readonly #store: JobStore
  readonly #clock: Clock
  readonly #looks: StatusLooks
  readonly #waiters: Map<string, Set<() => void>> = new Map()
  readonly #board: Switchboard
  readonly #stopping: AbortController = new AbortController()
  #unhear: Cancel | undefined

  constructor (store: JobStore, board: Switchboard, clock: Clock) {
    this.#store = store
    this.#board = board
    this.#clock = clock
    this.#looks = new StatusLooks(store, clock)
  }

  /** See `Jobs.stopping`. */
  get stopping (): AbortSignal {
    return this.#stopping.signal
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
    if (!isUuid(id)) return undefined
    this.#hearOthers()
    for (let pauseMs = pause.firstMs;; pauseMs = Math.min(2 * pauseMs, pause.longestMs)) {
      // Begun before the look, so that news that come during it are not missed.
      const news = this.#newsOf(id)
      try {
        const look = await this.#look(id)
        const leftMs = endMs - this.#clock.now()
        const isOver = leftMs <= 0 || signal?.aborted === true || this.stopping.aborted
        if ('status' in look && (look.status === undefined || isNews(look.status, since))) return look.status
        if (isOver) {
          if ('error' in look) throw look.error
          return look.status
        }
        await this.#until(news.promise, Math.min(this.#untilNextLookMs(pauseMs), leftMs), signal)
      } finally {
        news.forget()
      }
    }
  }

  /** See `Jobs.stopWaiting`. */
  stopWaiting (): void {
    this.#stopping.abort()
    for (const waiters of this.#waiters.values()) for (const wake of waiters) wake()
  }

  close (): void {
    this.#unhear?.()
    this.stopWaiting()
  }

  /** A database that is away for a moment ends no wait. */
  async #look (
    id: string
  ): Promise<{ readonly status: JobStatus | undefined } | { readonly error: unknown }> {
    try {
      const receipt = await this.#looks.look(id)
      return { status: receipt === undefined ? undefined : statusOf(receipt) }
    } catch (error) {
      return { error }
    }
  }

  #untilNextLookMs (pauseMs: number): number {
    return Math.ceil(pauseMs - this.#clock.now() % pauseMs)
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
