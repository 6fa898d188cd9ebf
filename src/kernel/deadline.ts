import { type Cancel, type Clock, systemClock } from './clock.ts'

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
   * Calls `run` once, when the deadline passes; at once, before it returns, if it has passed. The timer is
   * the caller's to free: one that is left to run out is kept until the deadline.
   */
  whenPassed (run: () => void): Cancel {
    if (this.atMs === Number.POSITIVE_INFINITY) return keepNothing
    const remainingMs = this.remainingMs()
    if (remainingMs === 0) {
      run()
      return keepNothing
    }
    // A timer counts whole milliseconds, of which it holds 2^31 - 1 at most; what is left then is waited for
    // anew, so that `passed` is true whenever `run` is called.
    let cancel = this.#clock.after(Math.min(Math.ceil(remainingMs), longestTimerMs), () => {
      cancel = this.whenPassed(run)
    })
    return () => cancel()
  }

  /**
   * Aborts with a {@link DeadlineExceededError} when the deadline passes. Made on first use, so that work
   * that never asks pays no timer; its timer then lives until the deadline. Inside a unit of work, ask its
   * context for the signal instead: that one also knows when the caller leaves and when the work has ended.
   */
  get signal (): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController()
      this.#controller = controller
      this.whenPassed(() => controller.abort(new DeadlineExceededError()))
    }
    return this.#controller.signal
  }
}

/** The longest that `setTimeout` can wait; it takes anything longer for 1. */
const longestTimerMs = 2 ** 31 - 1

function keepNothing (): void {}
