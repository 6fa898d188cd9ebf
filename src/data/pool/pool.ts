import { AsyncResource } from 'node:async_hooks'
import type { Pool, PoolClient } from 'pg'
import { type Clock, currentContext, SettingError, systemClock } from '../../kernel/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import { Canceller } from './canceller.ts'
import { Lender } from './lender.ts'
import { poolMetrics, type PoolState } from './metrics.ts'
import { rethrowFromCaller } from './session.ts'
import { oneObserver, type StatementObserver } from './statement-observer.ts'
import { type GivenStatement, type Hearing, Statement, type StatementText } from './statement.ts'

export interface GovernOptions {
  readonly registry: MetricsRegistry
  /** @default the system's clock */
  readonly clock?: Clock
  /** The longest wait for a connection, in milliseconds; a deadline may end it earlier. @default 5,000 */
  readonly waitMs?: number
  /**
   * Whether deadlines become the `statement_timeout` of sessions, too. `off` behind a pooler in transaction
   * mode, where a session's setting would reach other clients; one that hides the server's process ids, as
   * PgBouncer does, is noticed without it. @default 'session'
   */
  readonly statementTimeouts?: 'session' | 'off'
  /** Cancel requests under way at once; each is a connection of its own, for a moment. @default 4 */
  readonly cancelLimit?: number
  /**
   * How long PostgreSQL may take to confirm that a statement has ended before its connection is cut, in
   * milliseconds. @default 5,000
   */
  readonly confirmMs?: number
  /** Hear of each statement. @default none */
  readonly observers?: readonly StatementObserver[]
}

/**
 * Makes a pool obey the deadline of the work that uses it (`currentContext()`): waits for a connection
 * end with it, and a statement that runs when it passes, or when the caller leaves, is cancelled in
 * PostgreSQL. Work outside of any context has no deadline.
 *
 * The pool itself is changed and returned, so that it stays an instance of `Pool` with its events and its
 * `end`; `query`, `connect`, `client.query` and `client.release` keep what they promise in `pg`. Beyond that:
 * a statement that fails does not cost its connection, as it does with `pool.query` of `pg`, and what goes
 * wrong with connections is a PoolWaitTimeoutError or a DatabaseLostError.
 *
 * @throws SettingError for options out of range
 */
export function governPool (pool: Pool, options: GovernOptions): Pool {
  const { registry, clock = systemClock, statementTimeouts = 'session' } = options
  const { waitMs = 5_000, cancelLimit = 4, confirmMs = 5_000 } = options
  if (!(waitMs > 0)) throw new SettingError('waitMs', 'above 0', waitMs)
  if (!(confirmMs > 0)) throw new SettingError('confirmMs', 'above 0', confirmMs)
  if (!(cancelLimit >= 1)) throw new SettingError('cancelLimit', 'at least 1', cancelLimit)

  const metrics = poolMetrics(registry, (): PoolState => lender.state)
  const canceller = new Canceller({ clock, metrics, limit: cancelLimit, confirmMs })
  const observer = oneObserver(options.observers ?? [])
  const hearing = observer === undefined ? undefined : { observer, clock }
  const lender = new Lender(pool, { clock, metrics, canceller, statementTimeouts, waitMs, hearing })
  const plain = { query: pool.query.bind(pool) as Query, end: pool.end.bind(pool) as End }

  pool.connect = function connect (callback?: ConnectCallback): Promise<PoolClient> | undefined {
    if (callback === undefined) return borrow(lender)
    // Whoever gives a connection back runs for another request, or for none.
    const answer = AsyncResource.bind(callback)
    lender.borrow((error, client) =>
      error === undefined ? answer(undefined, client, client!.release) : answer(error, undefined, () => {})
    )
    return undefined
  } as Pool['connect']

  pool.query = function query (text: unknown, values?: unknown, callback?: unknown): unknown {
    const isPlain = typeof text === 'string' ||
      typeof text === 'object' && text !== null && !('submit' in text)
    if (!isPlain) return plain.query(text, values, callback)
    const given = typeof values === 'function' ? values : callback
    const result = queryOnce(lender, hearing, text, typeof values === 'function' ? undefined : values)
    if (typeof given !== 'function') return result
    const answer = given as QueryCallback
    // Out of the promise, so that what the callback throws is an uncaught exception, as it is in pg.
    result.then(
      (rows) => setImmediate(answer, undefined, rows),
      (error: unknown) => setImmediate(answer, error)
    )
    return undefined
  } as Pool['query']

  pool.end = function end (callback?: () => void): Promise<void> | undefined {
    metrics.close()
    return plain.end(callback)
  } as Pool['end']

  Object.defineProperty(pool, 'waitingCount', { get: () => lender.state.waiting, configurable: true })
  return pool
}

type Query = (text: unknown, values?: unknown, callback?: unknown) => unknown
type End = (callback?: () => void) => Promise<void> | undefined
type QueryCallback = (error: unknown, result?: unknown) => void
type ConnectCallback = (error: unknown, client: PoolClient | undefined, done: PoolClient['release']) => void

function borrow (lender: Lender): Promise<PoolClient> {
  return new Promise((resolve, reject) => {
    lender.borrow((error, client) => client === undefined ? reject(error) : resolve(client))
  })
}

function queryOnce (
  lender: Lender,
  hearing: Hearing | undefined,
  text: StatementText,
  values: unknown
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let release = (): void => {}
    const given: GivenStatement = {
      text,
      values,
      context: currentContext(),
      resolve: (result) => {
        release()
        resolve(result)
      },
      reject: (error) => {
        release()
        reject(error)
      },
    }
    const statement = new Statement(given, hearing)
    lender.borrow((error, client, session) => {
      if (session === undefined) return statement.reject(error)
      release = () => client!.release()
      session.submit(statement)
    })
  }).catch(rethrowFromCaller)
}
