import type { ProblemKind } from '../../kernel/index.ts'
import { poolProblems } from './problems.ts'

/**
 * No connection became free in time: the pool is too small for what is asked of it, or its connections are
 * held too long. Expected under overload: answered with 503, counted by `db_client_connection_timeouts_total`.
 */
export class PoolWaitTimeoutError extends Error {
  override readonly name = 'PoolWaitTimeoutError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'DATABASE_BUSY'
  readonly statusCode = 503
  /** What the client is told. */
  readonly problemKind: ProblemKind = poolProblems.DATABASE_BUSY
  /** How long it waited, in milliseconds. */
  readonly waitedMs: number

  constructor (waitedMs: number, poolSize: number) {
    super(
      `no database connection became free within ${waitedMs} ms: all ${poolSize} are in use; ` +
        'hold them for shorter, or raise database.poolSize'
    )
    this.waitedMs = waitedMs
  }
}

/**
 * Too much work waits for a connection already: more would only wait longer. Expected under overload: answered
 * with 503, counted by `db_client_connection_timeouts_total`.
 */
export class PoolLineFullError extends Error {
  override readonly name = 'PoolLineFullError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'DATABASE_LINE_FULL'
  readonly statusCode = 503
  /** What the client is told. */
  readonly problemKind: ProblemKind = poolProblems.DATABASE_LINE_FULL
  /** How many wait. */
  readonly waiting: number

  constructor (waiting: number) {
    super(
      `${waiting} wait for a database connection already; hold connections for shorter, admit less work at ` +
        'once, or raise database.poolSize'
    )
    this.waiting = waiting
  }
}

/**
 * The connection to the database broke, or could not be opened. Whether a statement that was under way took
 * effect is unknown; one inside a transaction that was not being committed did not. The pool never sends it once
 * more; it opens another connection, so that a later attempt may succeed.
 */
export class DatabaseLostError extends Error {
  override readonly name = 'DatabaseLostError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'DATABASE_LOST'
  readonly statusCode = 503
  /** What the client is told. */
  readonly problemKind: ProblemKind = poolProblems.DATABASE_LOST
  /** `none`: nothing was sent, so that nothing took effect. */
  readonly outcome: 'unknown' | 'none'

  /** @param cause what `pg` said */
  constructor (cause: unknown, outcome: 'unknown' | 'none') {
    const said = cause instanceof Error ? cause.message : String(cause)
    const effect = outcome === 'none' ?
      'nothing was sent' :
      'whether the statement took effect is unknown, and it is not sent again'
    super(`the connection to the database is lost: ${said}; ${effect}`, { cause })
    this.outcome = outcome
  }
}

/**
 * Whether a failed statement means that its connection is gone.
 *
 * @see https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
export function endsConnection (error: unknown): boolean {
  return lossCodes.test(codeOf(error))
}

/** Whether PostgreSQL itself said so; it tells later that it is ready for the next statement. */
export function isServerError (error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'severity' in error
}

/**
 * Whether the server does not write: it is, or has become, a standby. SQLSTATE `read_only_sql_transaction`; a
 * transaction that its user made read-only fails with it, too.
 */
export function isReadOnly (error: unknown): boolean {
  return codeOf(error) === '25006'
}

function codeOf (error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/** Class 08; shutdown, crash, start-up, dropped database, idle sessions that the server ends; the socket's. */
const lossCodes = /^(?:08...|57P0[1-5]|25P0[34]|ECONNRESET|EPIPE|ETIMEDOUT)$/
