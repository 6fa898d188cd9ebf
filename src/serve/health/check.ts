import type { Clock } from '../../kernel/index.ts'
import type { CheckReport } from './report.ts'

/** One dependency's check. */
export interface HealthCheck {
  /** Names the dependency in the report, e.g. `postgres`; no colon, and no secret. */
  readonly name: string
  /**
   * Resolves when the dependency can be used, rejects when not. Of the error only its `code` is ever shown.
   *
   * @param signal aborts when the time is up; a check that minds it can be tried again at once
   */
  readonly run: (signal: AbortSignal) => void | Promise<void>
  /** Whether the service cannot do its work without it. @default true */
  readonly required?: boolean
}

/** A dependency's check has another result than the time before. */
export interface HealthChange {
  readonly name: string
  readonly report: CheckReport
  /** What the check threw, for the log; it may hold what a probe's answer must not. */
  readonly error: unknown
  /** For how long it has failed by now, or had until it passed, in milliseconds; 0 when it has just begun to. */
  readonly failedMs: number
}

interface CheckTiming {
  readonly clock: Clock
  readonly ttlMs: number
  readonly timeoutMs: number
  readonly onChange: (change: HealthChange) => void
}

/**
 * Runs one check for any number of probes: at most once at a time, its result kept for `ttlMs`. A check
 * that has not ended by `timeoutMs` counts as failed, and is not started again before it does end: a
 * dependency that hangs is not asked by more and more callers.
 */
export class CheckRunner {
  readonly name: string
  readonly #run: (signal: AbortSignal) => void | Promise<void>
  readonly #required: boolean
  readonly #timing: CheckTiming
  /** The run that the probes of now share. */
  #flight: Promise<CheckReport> | undefined
  /** A run whose time is up may go on: then there is no flight any more, but it is not over. */
  #running = false
  #failsSinceMs: number | undefined
  #last: { readonly report: CheckReport; readonly atMs: number } | undefined

  constructor ({ name, run, required = true }: HealthCheck, timing: CheckTiming) {
    this.name = name
    this.#run = run
    this.#required = required
    this.#timing = timing
  }

  /** The kept result while it is fresh, the result of the run under way, or that of a new one. */
  async report (): Promise<CheckReport> {
    if (this.#flight !== undefined) return await this.#flight
    const last = this.#last
    if (last !== undefined) {
      const fresh = this.#timing.clock.now() - last.atMs < this.#timing.ttlMs
      if (fresh || this.#running) return last.report
    }
    this.#flight = this.#start()
    return await this.#flight
  }

  async #start (): Promise<CheckReport> {
    const { clock, timeoutMs } = this.#timing
    const controller = new AbortController()
    const startedMs = clock.now()
    const late = Promise.withResolvers<never>()
    const cancel = clock.after(timeoutMs, () => {
      const error = new CheckTimeoutError()
      // Before the abort: a check that rejects because of it must not be the one that says why.
      late.reject(error)
      controller.abort(error)
    })
    let error: unknown
    try {
      await Promise.race([this.#runToItsEnd(controller.signal), late.promise])
    } catch (thrown) {
      error = thrown ?? new Error('the check rejected without an error')
    } finally {
      cancel()
    }
    const report = this.#describe(error, clock.now() - startedMs)
    const before = this.#last?.report
    this.#last = { report, atMs: clock.now() }
    this.#flight = undefined
    const failedMs = clock.now() - (this.#failsSinceMs ?? clock.now())
    this.#failsSinceMs = report.status === 'pass' ? undefined : this.#failsSinceMs ?? clock.now()
    if (before?.status !== report.status || before.code !== report.code) {
      if (before !== undefined || report.status !== 'pass') {
        this.#timing.onChange({ name: this.name, report, error, failedMs })
      }
    }
    return report
  }

  async #runToItsEnd (signal: AbortSignal): Promise<void> {
    this.#running = true
    try {
      await this.#run(signal)
    } finally {
      this.#running = false
    }
  }

  #describe (error: unknown, durationMs: number): CheckReport {
    const base = { required: this.#required, durationMs, atEpochMs: this.#timing.clock.epochMs() }
    if (error === undefined) return { status: 'pass', ...base }
    const status = this.#required ? 'fail' : 'warn'
    if (error instanceof CheckTimeoutError) {
      const output = `${this.name} did not answer within ${this.#timing.timeoutMs} ms`
      return { status, ...base, code: error.code, output }
    }
    return { status, ...base, code: shownCode(error), output: `${this.name} cannot be used` }
  }
}

class CheckTimeoutError extends Error {
  override readonly name = 'CheckTimeoutError'
  readonly code = 'CHECK_TIMEOUT'

  constructor () {
    super('the health check took too long')
  }
}

const codePattern = /^[\dA-Z][\dA-Z_]{0,63}$/

/** An error's code, where it looks like one: a code that somebody filled with a sentence could tell secrets. */
function shownCode (error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ?
    error.code :
    undefined
  return typeof code === 'string' && codePattern.test(code) ? code : 'CHECK_FAILED'
}
