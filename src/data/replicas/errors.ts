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
 * Why a read that failed so on a replica would succeed on another server: `lost` when the replica is not to be had or its
 * connection broke, `conflict` when replay needed what the read held. `undefined` for anything else, a pool of which all
 * connections are taken included: the primary must not get what is too much for the replicas.
 *
 * @see https://www.postgresql.org/docs/18/hot-standby.html#HOT-STANDBY-CONFLICT
 */
export function replicasFault (error: unknown): 'lost' | 'conflict' | undefined {
  const code = codeOf(error)
  if (code === 'DATABASE_LOST' || code === 'REPLICA_IN_DOUBT') return 'lost'
  // Serialization failures and deadlocks: a standby has none of its own.
  return code === '40001' || code === '40P01' ? 'conflict' : undefined
}

function codeOf (error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
