/** `warn`: an optional dependency fails, and the service does its work without it. */
export type HealthStatus = 'pass' | 'warn' | 'fail'

/** Where the process stands in its life; it only moves to the right. */
export type HealthState = 'starting' | 'ready' | 'draining'

/** What one dependency's check found. Safe to show to anyone: it holds no host, user or message of an error. */
export interface CheckReport {
  readonly status: HealthStatus
  /** Whether its failure takes the service out of rotation. */
  readonly required: boolean
  /** How long the check took, in milliseconds. */
  readonly durationMs: number
  /** When it ended, in milliseconds since the Unix epoch. */
  readonly atEpochMs: number
  /** Why it does not pass: the error's own code (`ECONNREFUSED`), `CHECK_TIMEOUT` or `CHECK_FAILED`. */
  readonly code?: string
  /** The same as a sentence. */
  readonly output?: string
}

/** The answer to one probe. */
export interface HealthReport {
  readonly status: HealthStatus
  readonly state: HealthState
  /** Why the status is what it is, as a sentence; missing when it is `pass`. */
  readonly output?: string
  /** By dependency. Only readiness asks them, and only once the process is ready. */
  readonly checks: Readonly<Record<string, CheckReport>>
}

/** Who answers the three probes: a {@link Health}, or a supervisor that speaks for its workers. */
export interface HealthSource {
  live(): HealthReport | Promise<HealthReport>
  ready(): HealthReport | Promise<HealthReport>
  startup(): HealthReport | Promise<HealthReport>
}
