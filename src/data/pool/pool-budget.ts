import type { Pool } from 'pg'
import { SettingError } from '../../kernel/index.ts'
import { readPool } from './session-facts.ts'

/** Beside its pool, each worker keeps a connection for health checks (`postgresEngine`). */
const besidePool = 1

/** Workers that a reload adds to those of its machine for a while: it replaces them one by one. */
const whileReloading = 1

export interface FleetOptions {
  /** Machines (containers, replicas) that run the service, at least 1. */
  readonly replicas: number
  /** Worker processes on each of them, at least 1; each has a pool of its own. */
  readonly workers: number
  /** The part of the database's connections that is this service's, above 0 and at most 1. @default 1 */
  readonly share?: number
}

export interface PoolSizeOptions extends FleetOptions {
  /** Connections that the database gives to ordinary roles: `max_connections` less what is reserved, and others'. */
  readonly databaseConnections: number
}

/**
 * The largest pool of a worker with which the whole fleet stays within what the database gives, during a reload, too.
 * More connections than the database has cores for make it slower, not faster: this is a bound, not advice to reach it.
 *
 * @throws SettingError for options out of range, and when there is not one connection for each pool
 */
export function poolSizeFor ({ databaseConnections, ...fleet }: PoolSizeOptions): number {
  const size = largestSize(databaseConnections, fleet)
  if (size >= 1) return size
  const { replicas, workers, share = 1 } = fleet
  const needed = Math.ceil(connectionsOf(1, fleet) / share)
  throw new SettingError(
    'databaseConnections',
    `at least ${needed} for ${replicas} x ${workers} workers`,
    databaseConnections
  )
}

/** What the database gives, and what the fleet may take of it. */
export interface PoolBudget {
  /** The server's process is hidden by a pooler, whose own limits count, and which does not tell them. */
  readonly pooled: boolean
  readonly maxConnections: number
  /** `superuser_reserved_connections` and `reserved_connections`, as far as they are not for this role. */
  readonly reserved: number
  /** Of the role, and of the database; infinite for none. */
  readonly roleLimit: number
  readonly databaseLimit: number
  /** What is left for this service, after its share. */
  readonly available: number
  /** What the fleet may open at most: pools and health checks, and those of a worker that a reload adds. */
  readonly needed: number
  /** The largest `poolSize` that fits; below 1 when none does. */
  readonly largestPoolSize: number
}

/**
 * Checks at boot that the pools of the whole fleet fit into what the database gives: found later, it is found under
 * load, when connections are refused. Reads settings only; behind a pooler it checks nothing, and says so.
 *
 * @throws SettingError for `database.poolSize` when they do not fit; what `pg` throws
 */
export async function checkPoolBudget (pool: Pool, fleet: FleetOptions): Promise<PoolBudget> {
  const { max: poolSize } = pool.options
  const needed = connectionsOf(poolSize, fleet)
  const { pooled, row } = await readPool<BudgetRow>(pool, budgetQuery)
  const roleLimit = row.superuser || row.role_limit < 0 ? Number.POSITIVE_INFINITY : row.role_limit
  const databaseLimit = row.superuser || row.database_limit < 0 ?
    Number.POSITIVE_INFINITY :
    row.database_limit
  const reserved = row.superuser_reserved + (row.uses_reserved ? 0 : row.reserved)
  const given = Math.min(row.max - reserved, roleLimit, databaseLimit)
  const available = Math.floor(given * (fleet.share ?? 1))
  const largestPoolSize = largestSize(given, fleet)
  const budget: PoolBudget = {
    pooled,
    maxConnections: row.max,
    reserved,
    roleLimit,
    databaseLimit,
    available,
    needed,
    largestPoolSize,
  }
  if (!pooled && needed > available) throw tooLarge(poolSize, budget, fleet)
  return budget
}

interface BudgetRow {
  readonly max: number
  readonly superuser_reserved: number
  readonly reserved: number
  readonly superuser: boolean
  readonly uses_reserved: boolean
  readonly role_limit: number
  readonly database_limit: number
}

/** `reserved_connections` is new in PostgreSQL 16, with the role that may use it. */
const budgetQuery = `
  SELECT current_setting('max_connections')::int AS max,
    current_setting('superuser_reserved_connections')::int AS superuser_reserved,
    coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
    role.rolsuper AS superuser,
    coalesce((
      SELECT pg_has_role(role.oid, oid, 'USAGE') FROM pg_roles WHERE rolname = 'pg_use_reserved_connections'
    ), false) AS uses_reserved,
    role.rolconnlimit AS role_limit,
    (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS database_limit
  FROM pg_roles AS role WHERE role.rolname = session_user`

function connectionsOf (poolSize: number, fleet: FleetOptions): number {
  const { replicas, workers, share = 1 } = fleet
  if (!Number.isInteger(replicas) || replicas < 1) {
    throw new SettingError('replicas', 'a whole number of at least 1', replicas)
  }
  if (!Number.isInteger(workers) || workers < 1) {
    throw new SettingError('workers', 'a whole number of at least 1', workers)
  }
  if (!(share > 0 && share <= 1)) throw new SettingError('share', 'above 0 and at most 1', share)
  return replicas * (workers + whileReloading) * (poolSize + besidePool)
}

function largestSize (connections: number, fleet: FleetOptions): number {
  const pools = connectionsOf(0, fleet) / besidePool
  return Math.floor(Math.floor(connections * (fleet.share ?? 1)) / pools) - besidePool
}

function tooLarge (poolSize: number, budget: PoolBudget, fleet: FleetOptions): SettingError {
  const { maxConnections, reserved, roleLimit, databaseLimit, available, needed, largestPoolSize } = budget
  const limits = [
    `max_connections ${maxConnections}`,
    `${reserved} reserved`,
    ...(Number.isFinite(roleLimit) ? [`${roleLimit} for the role`] : []),
    ...(Number.isFinite(databaseLimit) ? [`${databaseLimit} for the database`] : []),
    ...(fleet.share === undefined ? [] : [`share ${fleet.share}`]),
  ].join(', ')
  const sum =
    `${fleet.replicas} machines x (${fleet.workers} workers + 1 during a reload) x (poolSize + 1 for ` +
    `health checks) = ${needed} connections, and the database gives ${available} (${limits})`
  const rule = largestPoolSize >= 1 ?
    `at most ${largestPoolSize}: ${sum}` :
    `smaller, and no size fits: ${sum}; run fewer workers, raise max_connections, or put a pooler between`
  return new SettingError('database.poolSize', rule, poolSize)
}
