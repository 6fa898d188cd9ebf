import type { JobFailure } from '../failure/index.ts'

/** A job that has used up its attempts, or never could succeed: kept as it was, until somebody decides. */
export interface DeadLetter {
  readonly id: string
  readonly name: string
  readonly tier: string
  /** '' where nobody's in particular. */
  readonly tenant: string
  readonly priority: number
  /** How many runs it has had, and how many it may have. */
  readonly attempt: number
  readonly attempts: number
  /** JSON. */
  readonly payload: string
  readonly enqueuedAtMs: number
  readonly failedAtMs: number
  /** Of its last failure, with name it makes the group. */
  readonly fingerprint: string
  /** Of the service whose run failed; '' where it is not known. */
  readonly version: string
  readonly error: JobFailure
}

/** A letter with all that people have done with it. */
export interface DeadLetterHistory extends DeadLetter {
  readonly audit: readonly AuditRecord[]
}

/** Dead letters of one job that failed in the same way. */
export interface DeadGroup {
  readonly name: string
  readonly fingerprint: string
  readonly count: number
  /** How many tenants it has hit. */
  readonly tenants: number
  readonly firstFailedAtMs: number
  readonly lastFailedAtMs: number
  /** Versions of the service that failed so, in the order of their first failure. */
  readonly versions: readonly DeadGroupVersion[]
  /** The letter that failed last. */
  readonly sample: { readonly id: string; readonly error: JobFailure }
}

export interface DeadGroupVersion {
  /** '' where it is not known. */
  readonly version: string
  readonly count: number
  readonly firstFailedAtMs: number
  readonly lastFailedAtMs: number
}

/** Which letters are meant: those that fulfil all that is said. */
export interface DeadFilter {
  readonly ids?: readonly string[] | undefined
  readonly name?: string | undefined
  readonly fingerprint?: string | undefined
  readonly tier?: string | undefined
  readonly tenant?: string | undefined
  readonly version?: string | undefined
  /** Epoch milliseconds: failed at or after this. */
  readonly sinceMs?: number | undefined
  /** Epoch milliseconds: failed before this. */
  readonly beforeMs?: number | undefined
}

/** Who does it, and why: it stands in the audit. */
export interface Operator {
  /** A name or an address; not empty. */
  readonly actor: string
  readonly reason?: string | undefined
}

/** Something that was done with a letter. */
export interface AuditRecord {
  readonly atMs: number
  readonly actor: string
  readonly action: 'edit' | 'redrive' | 'discard'
  readonly reason: string
  readonly job: string
  readonly name: string
  readonly fingerprint: string
  /** An edit's payloads `before` and `after`; a redrive's `run` and `tries`; a discard's whole `letter`. */
  readonly details: Readonly<Record<string, unknown>>
}
