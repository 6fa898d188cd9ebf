import pg from 'pg'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { type GovernedPool, type GovernOptions, governPool } from './pool.ts'

/** As `new pg.Pool` takes them, and as `governPool` does. */
export type OpenPoolOptions = pg.PoolConfig & Partial<GovernOptions> & {
  /** Hears of idle connections that broke. The pool replaces them; nothing needs to be done. */
  readonly onIdleError?: (error: Error) => void
}

/**
 * A pool that obeys the deadline of the work that uses it, for programs without the runtime: `new pg.Pool`
 * and `governPool`.
 *
 * @throws SettingError for options out of range
 */
export function openPool (options: OpenPoolOptions): GovernedPool {
  const { registry = new MetricsRegistry(), onIdleError } = options
  const pool = new pg.Pool(options)
  // Without a listener, a connection that the server closes would end the process.
  pool.on('error', (error) => onIdleError?.(error))
  return governPool(pool, { ...options, registry })
}
