import { DeadlineExceededError } from '../../kernel/index.ts'
import { DatabaseLostError, endsConnection } from './errors.ts'
import type { Statement } from './statement.ts'

/**
 * What to do about a statement that failed because of what the session had prepared, or because a cancel request
 * for its neighbour hit it.
 *
 * - `drop`: this session's prepared statement is of no use any more.
 * - `renew`: that of every session, since the tables have changed.
 * - `keep`: nothing is wrong with it.
 */
export interface Healing {
  readonly prepared: 'drop' | 'renew' | 'keep'
  /** Whether sending it once more is safe outside of a transaction: it failed without effect. */
  readonly again: boolean
}

/** @returns `undefined` when the error is the statement's own */
export function healingOf (error: unknown, statement: Statement): Healing | undefined {
  if (statement.retried || statement.givenUp !== undefined || statement.known === undefined) return undefined
  const { code, routine } = error as { readonly code?: unknown; readonly routine?: unknown }
  if (typeof code !== 'string') return undefined
  if (statement.shared && code === queryCanceled) {
    return statement.context?.deadline.passed === true ? undefined : { prepared: 'keep', again: true }
  }
  if (!statement.named) return undefined
  if (code === missing || code === duplicate) return { prepared: 'drop', again: true }
  if (!statement.reused) return undefined
  if (code === notSupported && routine === 'RevalidateCachedQuery') return { prepared: 'renew', again: true }
  if (analysisCodes.has(code)) return { prepared: 'renew', again: true }
  // A value that does not fit is found when the statement runs; what it runs may reach beyond the database.
  if (valueCodes.has(code)) return { prepared: 'renew', again: statement.known.isRead }
  return undefined
}

/**
 * What the caller is told.
 *
 * @param lost the connection is gone, whatever the error says
 */
export function explainError (error: unknown, { context }: Statement, lost: boolean): unknown {
  if (lost || endsConnection(error)) return new DatabaseLostError(error, 'unknown')
  // The server's own timer was before ours.
  const { code } = error as { readonly code?: unknown }
  return code === queryCanceled && context?.deadline.passed === true ? new DeadlineExceededError() : error
}

/*
 * SQLSTATEs.
 *
 * @see https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
/** A statement timeout, or somebody's cancel request. */
const queryCanceled = '57014'
/** `feature_not_supported`; from this routine: "cached plan must not change result type". */
const notSupported = '0A000'
/** `invalid_sql_statement_name`: someone has deallocated it. */
const missing = '26000'
/** `duplicate_prepared_statement`: the session had it before this library did. */
const duplicate = '42P05'
/** The types of a statement's parameters are fixed when it is prepared; the columns may have another by now. */
const analysisCodes: ReadonlySet<string> = new Set(['42804', '42883', '42725', '42846', '42P18'])
const valueCodes: ReadonlySet<string> = new Set(['22P02', '22003', '22007'])
