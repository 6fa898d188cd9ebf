import type { ProblemKind } from '../../kernel/index.ts'
import { replicaProblems } from './problems.ts'

/**
 * A statement that writes was sent to the pool for reads. A mistake in the service: writes, and reads that lock rows,
 * belong to `app.data`.
 */
export class WriteOnReadsError extends Error {
  override readonly name = 'WriteOnReadsError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'WRITE_ON_READS'
  readonly statusCode = 500
  /** What the client is told. */
  readonly problemKind: ProblemKind = replicaProblems.WRITE_ON_READS

  /** @param cause what PostgreSQL said */
  constructor (cause: unknown) {
    const said = cause instanceof Error ? cause.message : String(cause)
    super(`app.reads only reads (${said}); send what writes or locks rows to app.data`, { cause })
  }
}

/** SQLSTATE `read_only_sql_transaction`: also what a standby answers to a write. */
export function isWriteRefusal (error: unknown): boolean {
  return codeOf(error) === '25006'
}

/**
 * Whether a read that failed so on a replica would succeed on another server: the connection was lost or not to be
 * had, or replay needed what the read held.
 *
 * @see https://www.postgresql.org/docs/18/hot-standby.html#HOT-STANDBY-CONFLICT
 */
export function isReplicasFault (error: unknown): boolean {
  const code = codeOf(error)
  return code !== undefined && faults.has(code)
}

/** Serialization failures and deadlocks are, on a standby, conflicts with its replay. */
const faults: ReadonlySet<string> = new Set([
  'DATABASE_LOST',
  'DATABASE_BUSY',
  'REPLICA_IN_DOUBT',
  '40001',
  '40P01',
])

function codeOf (error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
