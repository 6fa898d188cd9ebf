import { type Clock, SettingError, systemClock } from '../../kernel/index.ts'
import { CheckRunner, type HealthChange, type HealthCheck } from './check.ts'
import type { CheckReport, HealthReport, HealthSource, HealthState } from './report.ts'

export interface HealthOptions {
  /** @default the system's */
  readonly clock?: Clock
  /** How long a check's result is kept, in milliseconds; 0 runs it for each probe. @default 1000 */
  readonly ttlMs?: number
  /** What a check may take, in milliseconds; above 0. @default 2000 */
  readonly timeoutMs?: number
  /** Called when a check starts to fail, fails otherwise, or passes again: for the log. */
  readonly onChange?: (change: HealthChange) => void
}

/**
 * What a process says about itself to whoever may restart it, wait for it, or send it traffic. Each of the
 * three probes has its own meaning:
 *
 * - live: the process can answer. It never asks a dependency, because restarting this process does not
 *   repair another.
 * - startup: the boot is over (migrations applied, caches warm).
 * - ready: started, not draining, and every required dependency passes its check.
 *
 * Overload is on purpose no input: a replica that leaves the rotation because it is busy hands its load
 * to the others, which follow it.
 */
export class Health implements HealthSource {
  readonly #timing: Required<HealthOptions>
  readonly #checks = new Map<string, CheckRunner>()
  #state: HealthState = 'starting'

  constructor (options: HealthOptions = {}) {
    const { clock = systemClock, ttlMs = 1_000, timeoutMs = 2_000, onChange = () => {} } = options
    if (!(ttlMs >= 0)) throw new SettingError('health.ttlMs', 'a number of at least 0', ttlMs)
    if (!(timeoutMs > 0)) throw new SettingError('health.timeoutMs', 'a number above 0', timeoutMs)
    this.#timing = { clock, ttlMs, timeoutMs, onChange }
  }

  /** Adds a dependency that readiness asks about. */
  addCheck (check: HealthCheck): void {
    const { name } = check
    if (name === '' || name.includes(':') || this.#checks.has(name)) {
      throw new SettingError('health check name', 'non-empty, without a colon, and used once', name)
    }
    this.#checks.set(name, new CheckRunner(check, this.#timing))
  }

  /** The boot is over. Once draining, it stays so. */
  started (): void {
    if (this.#state === 'starting') this.#state = 'ready'
  }

  /** From now on the process wants no new traffic. There is no way back. */
  drain (): void {
    this.#state = 'draining'
  }

  live (): HealthReport {
    return { status: 'pass', state: this.#state, checks: {} }
  }

  startup (): HealthReport {
    return this.#state === 'starting' ? notYetStarted : { status: 'pass', state: this.#state, checks: {} }
  }

  /** Asks every dependency, all at once; it takes at most `timeoutMs`, and never rejects. */
  async ready (): Promise<HealthReport> {
    if (this.#state === 'starting') return notYetStarted
    if (this.#state === 'draining') return isDraining
    const runners = [...this.#checks.values()]
    const reports = await Promise.all(runners.map((runner) => runner.report()))
    // The state may have moved on while the checks ran; the type does not know that.
    if ((this.#state as HealthState) === 'draining') return isDraining
    const checks = Object.fromEntries(runners.map(({ name }, index) => [name, reports[index] as CheckReport]))
    return { ...summary(checks), state: 'ready', checks }
  }
}

const notYetStarted: HealthReport = {
  status: 'fail',
  state: 'starting',
  output: 'the service is still starting',
  checks: {},
}

const isDraining: HealthReport = {
  status: 'fail',
  state: 'draining',
  output: 'the service is draining: it finishes what it has and takes no new work',
  checks: {},
}

function summary (checks: Record<string, CheckReport>): Pick<HealthReport, 'status' | 'output'> {
  for (const status of ['fail', 'warn'] as const) {
    const sentences = Object.values(checks).filter((check) => check.status === status).map(({ output }) =>
      output
    )
    if (sentences.length > 0) return { status, output: sentences.join('; ') }
  }
  return { status: 'pass' }
}
