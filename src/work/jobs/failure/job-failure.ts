import { inspect } from 'node:util'
import { failureFingerprint } from './failure-fingerprint.ts'

/** Why a run of a job failed, as it is kept. */
export interface JobFailure {
  /** The error's class. */
  readonly name: string
  readonly code?: string
  readonly message: string
  /** With the causes. */
  readonly stack?: string
  /** Groups failures: see failureFingerprint. */
  readonly fingerprint: string
  /** Of the service that ran it. */
  readonly version?: string
}

const limits = { message: 2_000, stack: 8_000 } as const

/** Reads what was thrown, whatever it is, cut to a bounded length and to text that PostgreSQL can keep. */
export function jobFailure (error: unknown, version?: string): JobFailure {
  const fingerprint = failureFingerprint(error)
  const own = version === undefined ? {} : { version: storable(version) }
  if (!(error instanceof Error))
    return { name: typeof error, message: cut(shown(error), limits.message), fingerprint, ...own }
  const { code } = error as { code?: unknown }
  const isCode = typeof code === 'string' || typeof code === 'number'
  return {
    name: cut(String(error.name), limits.message),
    ...(isCode ? { code: cut(String(code), limits.message) } : {}),
    message: cut(String(error.message), limits.message),
    stack: cut(shown(error), limits.stack),
    fingerprint,
    ...own,
  }
}

/** The failure of a job whose worker has not been heard of for longer than its lease. */
export function lapsedFailure (attempt: number): JobFailure {
  return {
    name: 'JobLeaseLapsedError',
    code: 'JOB_LEASE_LAPSED',
    message:
      `run ${attempt} was not heard of for longer than its lease: its process was killed, crashed or hung`,
    fingerprint: failureFingerprint({ name: 'JobLeaseLapsedError', code: 'JOB_LEASE_LAPSED' }),
  }
}

function shown (value: unknown): string {
  try {
    return typeof value === 'string' ? value : inspect(value, { depth: 2, breakLength: 120 })
  } catch {
    return 'a value that cannot be shown'
  }
}

function cut (text: string, limit: number): string {
  const kept = storable(text)
  return kept.length <= limit ? kept : `${kept.slice(0, limit - 1).toWellFormed()}…`
}

/** Neither text nor jsonb takes NUL, nor halves of surrogate pairs: a failure must not fail for how it reads. */
function storable (text: string): string {
  return text.replaceAll('\0', '\u2400').toWellFormed()
}
