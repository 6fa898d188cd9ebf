import type { StatementText } from './statement.ts'

/** As `pg` calls it back. */
export type QueryCallback = (error: unknown, result?: unknown) => void

/** Whether `query` was given SQL, and not an object that submits itself, as a cursor does. */
export function isSql (text: unknown): text is StatementText {
  return typeof text === 'string' || typeof text === 'object' && text !== null && !('submit' in text)
}

/** `pg` takes the callback in the place of the values, behind them, or in the config. */
export function callbackOf (
  text: StatementText,
  values: unknown,
  callback: unknown
): QueryCallback | undefined {
  const given = typeof values === 'function' ? values : callback
  if (typeof given === 'function') return given as QueryCallback
  const own = typeof text === 'object' && 'callback' in text ? text.callback : undefined
  return typeof own === 'function' ? own as QueryCallback : undefined
}

/** As `pg` does: the stack that leads to the socket is replaced by the one that leads to the query. */
export function rethrowFromCaller (error: unknown): never {
  const shared = error instanceof Error && 'code' in error &&
    (error.code === 'CALLER_GONE' || error.code === 'DEADLINE_EXCEEDED')
  if (error instanceof Error && !shared) Error.captureStackTrace(error)
  throw error
}
