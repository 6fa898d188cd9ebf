import type { Pool } from 'pg'
import { alongIndex } from './along-index.ts'
import { clusterNow, lowestRunning } from './epoch.ts'
import type { Stall } from './outbox-log.ts'
import type { OutboxNames } from './outbox-names.ts'

interface StallRow {
  readonly pid: number | null
  readonly query: string
  readonly state: string
  readonly application: string
  readonly user_name: string
  readonly age_ms: number
  readonly held: number
}

/** More events than these are not counted one by one. */
const countedUpTo = 10_000

/**
 * The transaction whose id is the lowest of those that run: the fence stands at it. It may be of any database of the
 * server, since transaction ids are the server's; one that only reads has none, and holds up nothing.
 *
 * What it runs is told to roles with `pg_read_all_stats`; its process is told to all.
 */
export async function findStall (pool: Pool, { log, state }: OutboxNames): Promise<Stall | undefined> {
  const text = `
    WITH here AS MATERIALIZED (
      SELECT epoch, ${lowestRunning} AS xmin, pg_snapshot_xmin(pg_current_snapshot())::xid AS oldest FROM ${state} WHERE cluster = ${clusterNow}
    ), blocker AS (
      SELECT pid, coalesce(left(query, 1000), '') AS query, coalesce(state, 'unknown') AS state,
        coalesce(application_name, '') AS application, coalesce(usename, '') AS user_name, xact_start AS since
      FROM pg_stat_activity, here WHERE backend_xid = here.oldest AND pid <> pg_backend_pid()
      UNION ALL
      SELECT NULL, gid, 'prepared', '', owner, prepared FROM pg_prepared_xacts, here WHERE transaction = here.oldest
    )
    SELECT pid, query, state, application, user_name,
      coalesce(extract(epoch FROM clock_timestamp() - since), 0)::float8 * 1000 AS age_ms,
      (SELECT count(*)::integer FROM (
        SELECT FROM ${log} AS log, here WHERE (log.epoch, log.xid) >= (here.epoch, here.xmin)
        ORDER BY log.epoch, log.xid, log.position LIMIT ${countedUpTo}
      ) AS held) AS held
    FROM blocker LIMIT 1`
  const { rows: [row] } = await alongIndex(pool, (tx) => tx.query<StallRow>(text))
  if (row === undefined) return undefined
  const { pid, query, state: activity, application, user_name: user, age_ms: ageMs, held } = row
  return { pid: pid ?? undefined, query, state: activity, application, user, ageMs, held }
}
