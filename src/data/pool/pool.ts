import { AsyncResource } from 'node:async_hooks'
import type { Pool, PoolClient } from 'pg'
import { type Clock, currentContext, SettingError, systemClock } from '../../kernel/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import { Canceller } from './canceller.ts'
import { StatementCatalogue } from './known-statement.ts'
import { Lender } from './lender.ts'
import { poolMetrics, type PoolState } from './metrics.ts'
import { classOf, type PoolClass, type PoolReserves, PoolShares } from './pool-class.ts'
import { isSql, type QueryCallback, rethrowFromCaller } from './query-arguments.ts'
import { oneObserver, type StatementObserver } from './statement-observer.ts'
import { Statement, type StatementCommons, type StatementText } from './statement.ts'

export interface GovernOptions {
  readonly registry: MetricsRegistry
  /** @default the system's clock */
  readonly clock?: Clock
  /** The longest wait for a connection, in milliseconds; a deadline may end it earlier. @default 5,000 */
  readonly waitMs?: number
  /** How many may wait for a connection, in each class; the next gets a PoolLineFullError. @default 1,000 */
  readonly lineLimit?: number
  /** Connections of the pool that are kept for a class of work. @default none */
  readonly reserves?: PoolReserves
  /**
   * Whether deadlines become the `statement_timeout` of sessions, too. `off` behind a pooler in transaction
   * mode, where a session's setting would reach other clients; one that hides the server's process ids, as
   * PgBouncer does, is noticed without it. @default 'session'
   */
  readonly statementTimeouts?: 'session' | 'off'
  /**
   * Whether statements that are run again and again are prepared under a name of their own. Behind a pooler that
   * hides the server's process ids none are; `off` behind one that does not. @default 'auto'
   */
  readonly preparedStatements?: 'auto' | 'off'
  /** Prepared statements of each connection, at least 1; each takes memory of the server. @default 200 */
  readonly preparedLimit?: number
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

/** A `Pool` of `pg` under the rules of this library. */
export type GovernedPool = Pool & {
  /**
   * The same connections, for work of one class, whatever the context says. Its `end` does nothing: the pool is
   * its owner's to end.
   */
  reserve(poolClass: PoolClass): Pool
}

/**
 * Makes a pool obey the deadline of the work that uses it (`currentContext()`): waits for a connection
 * end with it, and a statement that runs when it passes, or when the caller leaves, is cancelled in
 * PostgreSQL. Work outside of any context has no deadline.
 *
 * The pool itself is changed and returned, so that it stays an instance of `Pool` with its events and its
 * `end`; `query`, `connect`, `client.query` and `client.release` keep what they promise in `pg`. Beyond that:
 * a statement that fails does not cost its connection, as it does with `pool.query` of `pg`; what goes wrong with
 * connections is a PoolWaitTimeoutError, a PoolLineFullError or a DatabaseLostError; and statements that are run
 * again and again are prepared.
 *
 * @throws SettingError for options out of range
 */
export function governPool (pool: Pool, options: GovernOptions): GovernedPool {
  const { registry, clock = systemClock, statementTimeouts = 'session', preparedStatements = 'auto' } =
    options
  const { waitMs = 5_000, lineLimit = 1_000, reserves = {}, preparedLimit = 200 } = options
  const { cancelLimit = 4, confirmMs = 5_000, observers = [] } = options
  if (!(waitMs > 0)) throw new SettingError('waitMs', 'above 0', waitMs)
  if (!(lineLimit >= 0)) throw new SettingError('lineLimit', 'at least 0', lineLimit)
  if (!(preparedLimit >= 1)) throw new SettingError('preparedLimit', 'at least 1', preparedLimit)
  if (!(confirmMs > 0)) throw new SettingError('confirmMs', 'above 0', confirmMs)
  if (!(cancelLimit >= 1)) throw new SettingError('cancelLimit', 'at least 1', cancelLimit)

  const shares = new PoolShares(() => pool.options.max, reserves)
  const metrics = poolMetrics(registry, (): PoolState => stateOf(pool, lender, shares))
  const canceller = new Canceller({ clock, metrics, limit: cancelLimit, confirmMs })
  const statements: StatementCommons = {
    clock,
    catalogue: new StatementCatalogue(),
    observer: oneObserver(observers),
  }
  const lender = new Lender(pool, {
    ...statements,
    metrics,
    canceller,
    statementTimeouts,
    preparedStatements,
    preparedLimit,
    waitMs,
    lineLimit,
    shares,
  })
  const plain = { query: pool.query.bind(pool) as Query, end: pool.end.bind(pool) as End }

  /** `connect` and `query` of the pool, or of its view for one class. */
  function face (fixed: PoolClass | undefined): Pick<Pool, 'connect' | 'query'> {
    return {
      connect:
        ((callback?: ConnectCallback) =>
          connect(lender, fixed ?? classOf(currentContext()), callback)) as Pool['connect'],
      query: ((text: unknown, values?: unknown, callback?: unknown) =>
        isSql(text) ?
          query(lender, statements, fixed, text, values, callback) :
          plain.query(text, values, callback)) as Pool['query'],
    }
  }

  function end (callback?: () => void): Promise<void> | undefined {
    metrics.close()
    lender.returnAll()
    return plain.end(callback)
  }

  Object.defineProperty(pool, 'waitingCount', { get: () => lender.waiting, configurable: true })
  Object.defineProperty(pool, 'idleCount', { get: () => lender.idle, configurable: true })
  return Object.assign(pool, {
    ...face(undefined),
    end: end as Pool['end'],
    reserve: (poolClass: PoolClass) => viewOf(pool, face(poolClass)),
  })
}

type Query = (text: unknown, values?: unknown, callback?: unknown) => unknown
type End = (callback?: () => void) => Promise<void> | undefined
type ConnectCallback = (error: unknown, client: PoolClient | undefined, done: PoolClient['release']) => void

function stateOf (pool: Pool, lender: Lender, shares: PoolShares): PoolState {
  const { options: { max } } = pool
  const of = (poolClass: PoolClass): { readonly used: number; readonly waiting: number } => ({
    used: shares.usedBy(poolClass),
    waiting: lender.waitingIn(poolClass),
  })
  const classes = { interactive: of('interactive'), worker: of('worker'), relay: of('relay') }
  return { used: shares.lent, idle: lender.idle, waiting: lender.waiting, max, classes }
}

function connect (
  lender: Lender,
  poolClass: PoolClass,
  callback: ConnectCallback | undefined
): Promise<PoolClient> | undefined {
  if (callback === undefined) {
    return new Promise((resolve, reject) => {
      lender.borrow((error, client) => client === undefined ? reject(error) : resolve(client), poolClass)
    })
  }
  // Whoever gives a connection back runs for another request, or for none.
  const answer = AsyncResource.bind(callback)
  lender.borrow((error, client) => {
    if (client === undefined) answer(error, undefined, () => {})
    else answer(undefined, client, client.release)
  }, poolClass)
  return undefined
}

function query (
  lender: Lender,
  statements: StatementCommons,
  fixed: PoolClass | undefined,
  text: StatementText,
  values: unknown,
  callback: unknown
): unknown {
  const context = currentContext()
  const poolClass = fixed ?? classOf(context)
  const onlyValues = typeof values === 'function' ? undefined : values
  const result = new Promise((resolve, reject) =>
    lender.run(new Statement({ text, values: onlyValues, context, resolve, reject }, statements), poolClass)
  ).catch(rethrowFromCaller)
  const given = typeof values === 'function' ? values : callback
  if (typeof given !== 'function') return result
  const answer = given as QueryCallback
  // Out of the promise, so that what the callback throws is an uncaught exception, as it is in pg.
  result.then(
    (rows) => setImmediate(answer, undefined, rows),
    (error: unknown) => setImmediate(answer, error)
  )
  return undefined
}

/** The pool, as it is used by one class of work. */
function viewOf (pool: Pool, own: Pick<Pool, 'connect' | 'query'>): Pool {
  const ends = (callback?: () => void): Promise<void> | undefined =>
    callback === undefined ? Promise.resolve() : void setImmediate(callback)
  const replaced: Readonly<Record<PropertyKey, unknown>> = { ...own, end: ends }
  return new Proxy(pool, {
    get (target, key) {
      if (Object.hasOwn(replaced, key)) return replaced[key]
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
