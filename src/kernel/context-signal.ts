import type { Cancel } from './clock.ts'
import { type Deadline, DeadlineExceededError } from './deadline.ts'

/** The client has left before its answer was ready. Nobody reads it; logs and metrics call it 499. */
export class CallerGoneError extends Error {
  override readonly name = 'CallerGoneError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'CALLER_GONE'
  readonly statusCode = 499

  constructor () {
    super('the caller of this work has left before the answer was ready')
  }
}

/** What a {@link WorkSignal} watches. Its parts are read only once somebody asks for the signal. */
export interface WatchedWork {
  readonly deadline: Deadline
  /** The work that this is a part of: when that is aborted, so is the part. */
  readonly whole?: { readonly signal: AbortSignal }
}

/**
 * The AbortSignal of one unit of work. It aborts once, with a {@link DeadlineExceededError} when the deadline
 * passes or with a {@link CallerGoneError} when the caller leaves, whichever is first.
 *
 * Work that never asks for the signal pays for neither an AbortController nor a timer. Who runs the work says
 * when it has ended (`settle`), which frees both.
 */
export class WorkSignal {
  readonly #work: WatchedWork
  #controller: AbortController | undefined
  #unwatch: Cancel | undefined
  #leftAtMs: number | undefined
  #settled = false

  constructor (work: WatchedWork) {
    this.#work = work
  }

  get signal (): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#leftAtMs !== undefined) this.#abort(new CallerGoneError())
      else if (!this.#settled) this.#watch()
    }
    return this.#controller.signal
  }

  /** The caller has left; a second call, or one after the end of the work, changes nothing. */
  leave (nowMs: number): void {
    if (this.#settled || this.#leftAtMs !== undefined) return
    this.#leftAtMs = nowMs
    this.#abort(new CallerGoneError())
  }

  /** On the clock of the deadline, in milliseconds; `undefined` as long as the caller has not left. */
  get leftAtMs (): number | undefined {
    return this.#leftAtMs
  }

  /**
   * For how long the work has gone on with nobody waiting for it: since the caller left or the deadline
   * passed, whichever was first. 0 while somebody waits.
   *
   * @param nowMs on the clock of the deadline
   */
  overrunMs (nowMs: number): number {
    return Math.max(0, nowMs - Math.min(this.#work.deadline.atMs, this.#leftAtMs ?? Number.POSITIVE_INFINITY))
  }

  /** The work has ended: its timer is freed, and a signal that has not aborted by now never will. */
  settle (): void {
    this.#settled = true
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  #watch (): void {
    const { deadline, whole } = this.#work
    if (whole?.signal.aborted === true) return this.#abort(whole.signal.reason)
    const cancelTimer = deadline.whenPassed(() => this.#abort(new DeadlineExceededError()))
    if (whole === undefined) {
      this.#unwatch = cancelTimer
      return
    }
    const { signal } = whole
    const abort = (): void => this.#abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    this.#unwatch = () => {
      cancelTimer()
      signal.removeEventListener('abort', abort)
    }
  }

  #abort (reason: unknown): void {
    this.#unwatch?.()
    this.#unwatch = undefined
    this.#controller?.abort(reason)
  }
}
