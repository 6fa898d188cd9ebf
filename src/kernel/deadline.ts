import { type Clock, systemClock } from './clock.ts'

/** The caller has stopped waiting for the work. Answered with 504, logged at `info`. */
export class DeadlineExceededError extends Error {
  override readonly name = 'DeadlineExceededError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'DEADLINE_EXCEEDED'
  readonly statusCode = 504

  constructor () {
    super('the deadline of this work has passed')
  }
}

/**
 * The moment after which nobody waits for a unit of work any more, on a monotonic clock. One deadline
 * travels with the work through calls, statements and jobs; parts may only shorten it.
 */
export class Deadline {
  /** No deadline: the work may take for ever. */
  static readonly none: Deadline = new Deadline(Number.POSITIVE_INFINITY, systemClock)

  /** On the clock's `now()`, in milliseconds; infinite for none. */
  readonly atMs: number
  readonly #clock: Clock
  #controller: AbortController | undefined

  private constructor (atMs: number, clock: Clock) {
    this.atMs = atMs
    this.#clock = clock
  }

  /** A deadline `ms` from now; 0 or less has passed already. */
  static in (ms: number, clock: Clock = systemClock): Deadline {
    return new Deadline(clock.now() + ms, clock)
  }

  /** What is left, in milliseconds; never below 0, infinite for none. */
  remainingMs (): number {
    return Math.max(0, this.atMs - this.#clock.now())
  }

  get passed (): boolean {
    return this.#clock.now() >= this.atMs
  }

  /** The earlier of this and `ms` from now: a part's own limit never outlives the whole. */
  within (ms: number): Deadline {
    const atMs = this.#clock.now() + ms
    return atMs < this.atMs ? new Deadline(atMs, this.#clock) : this
  }

  /** @throws DeadlineExceededError when it has passed */
  throwIfPassed (): void {
    if (this.passed) throw new DeadlineExceededError()
  }

  /**
   * Aborts with a {@link DeadlineExceededError} when the deadline passes. Made on first use, so that work
   * that never asks pays no timer.
   */
  get signal (): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController()
      this.#controller = controller
      const abort = (): void => controller.abort(new DeadlineExceededError())
      if (this.passed) abort()
      else if (this.atMs !== Number.POSITIVE_INFINITY) this.#clock.after(this.remainingMs(), abort)
    }
    return this.#controller.signal
  }
}
