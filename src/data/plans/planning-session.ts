import type { Pool, PoolClient } from 'pg'
import { PlansUnavailableError } from './errors.ts'
import type { PlanNode } from './plan-node.ts'

/** GENERIC_PLAN came with it. */
const oldestVersion = 160_000

/** What became of asking for a plan. */
export type Planned =
  | { readonly plan: PlanNode; readonly reason?: undefined }
  /** Why there is none. */
  | { readonly plan?: undefined; readonly reason: string }

/**
 * A transaction in which plans are asked for, and that is always rolled back: nothing in it runs a statement, and what
 * is planted or created in it is gone at its end.
 */
export interface PlanningSession {
  readonly client: PoolClient
  /** e.g. 180004 for 18.4. */
  readonly serverVersion: number
  /** The generic plan of a statement: the one that serves every value of its parameters. */
  plan(text: string): Promise<Planned>
  /** Runs `work`, and takes back what it changed. */
  attempt<Result>(work: () => Promise<Result>): Promise<Result>
}

/**
 * Runs `work` with a planning session. Plans are asked for without parallel workers, whose number is a matter of the
 * server's settings.
 *
 * @throws PlansUnavailableError for PostgreSQL before 16
 * @see https://www.postgresql.org/docs/18/sql-explain.html
 */
export async function withPlanningSession<Result> (
  pool: Pool,
  work: (session: PlanningSession) => Promise<Result>
): Promise<Result> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const serverVersion = await prepare(client)
    return await work({
      client,
      serverVersion,
      plan: (text) => planOf(client, text),
      attempt: (work) => attempt(client, work),
    })
  } finally {
    await client.query('ROLLBACK').then(() => client.release(), (error: Error) => client.release(error))
  }
}

async function prepare (client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    "SELECT current_setting('server_version_num')::int AS version"
  )
  const version = rows[0]?.version ?? 0
  if (version < oldestVersion) {
    throw new PlansUnavailableError(
      `plans of statements with parameters need PostgreSQL 16 or later, this is ${
        Math.floor(version / 10_000)
      }`
    )
  }
  await client.query('SET LOCAL max_parallel_workers_per_gather TO 0')
  // Whoever waits for a lock of ours must not wait long, nor do we.
  await client.query("SET LOCAL lock_timeout TO '5s'")
  return version
}

async function planOf (client: PoolClient, text: string): Promise<Planned> {
  try {
    return await attempt(client, async () => {
      // The extended protocol takes one statement only, and PREPARE none that does more than read and write rows:
      // whatever passes it can stand after EXPLAIN without being run.
      await client.query(
        { text: `PREPARE plimsoll_plan AS ${text}`, queryMode: 'extended' } as { text: string }
      )
      await client.query('DEALLOCATE plimsoll_plan')
      const { rows } = await client.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
        `EXPLAIN (GENERIC_PLAN, VERBOSE, FORMAT JSON) ${text}`
      )
      const plan = rows[0]?.['QUERY PLAN'][0]?.Plan
      return plan === undefined ? { reason: 'PostgreSQL gave no plan' } : { plan }
    })
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}

async function attempt<Result> (client: PoolClient, work: () => Promise<Result>): Promise<Result> {
  await client.query('SAVEPOINT plimsoll')
  try {
    return await work()
  } finally {
    // Released as well: savepoints of one name nest, and the next of them must not be taken for this one.
    await client.query('ROLLBACK TO SAVEPOINT plimsoll')
    await client.query('RELEASE SAVEPOINT plimsoll')
  }
}
