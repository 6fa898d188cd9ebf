import type { Pool } from 'pg'
import type { TierState, WaitingKind } from './job-store.ts'
import { type Statement, statement } from './statement.ts'
import type { JobTables } from './tables.ts'

/** Up to so many are counted. */
const counted = 10_000

/** So many of each priority are looked at for the oldest: the next job of so many tenants is among them. */
const heads = 1_000

interface TierRow {
  readonly tier: string
  readonly depth: number
  readonly front: readonly WaitingKind[] | null
  readonly running: number
  readonly later: number
  readonly held: number
  readonly dead: number
}

/** How the tiers stand; read-only, and bounded whatever the backlog. */
export class TierStates {
  readonly #pool: Pool
  readonly #job: string
  readonly #sql: Statement

  constructor (pool: Pool, tables: JobTables, deadLetters: string) {
    this.#pool = pool
    this.#job = tables.job
    this.#sql = tierStatement(tables, deadLetters)
  }

  async read (): Promise<readonly TierState[]> {
    const { rows } = await this.#pool.query<TierRow>({ ...this.#sql, values: [counted, heads] })
    return await Promise.all(rows.map(async ({ tier, depth, front, ...counts }) => {
      const depthIsExact = depth <= counted
      return {
        tier,
        depth: depthIsExact ? depth : Math.max(depth, await this.#estimate(tier)),
        depthIsExact,
        oldestMs: Math.max(0, ...(front ?? []).map(({ oldestMs }) => oldestMs)),
        front: front ?? [],
        ...counts,
      }
    }))
  }

  /** What the planner expects, by the statistics of the last analyze and the table's size of now. */
  async #estimate (tier: string): Promise<number> {
    const text = `EXPLAIN (FORMAT JSON) SELECT FROM ${this.#job} WHERE tier = ${quoteText(tier)}`
    const { rows: [row] } = await this.#pool.query<
      { 'QUERY PLAN': readonly [{ Plan: { 'Plan Rows': number } }] }
    >(text)
    return row?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0
  }
}

/** EXPLAIN takes no parameters: with some, it would show a plan for any tier. */
function quoteText (text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

/**
 * The tag's order is not that of time, and there is no index by age, since each insert would pay for it. But each
 * tenant's jobs lie in the order of time, and the next job of each tenant lies near the front: see `fair-tags.ts`.
 */
function tierStatement ({ job, later, held, lease, settled }: JobTables, deadLetters: string): Statement {
  const count = (from: string): string =>
    `(SELECT count(*) FROM (SELECT FROM ${from} WHERE row.tier = tiers.tier LIMIT $1::integer) AS found)::integer`
  return statement(`
    WITH RECURSIVE waiting AS (
      (SELECT tier, suspect, rank FROM ${job} ORDER BY tier, suspect, rank LIMIT 1)
      UNION ALL
      SELECT next.* FROM waiting, LATERAL (
        SELECT tier, suspect, rank FROM ${job} AS row
        WHERE (row.tier, row.suspect, row.rank) > (waiting.tier, waiting.suspect, waiting.rank)
        ORDER BY tier, suspect, rank LIMIT 1
      ) AS next
    ), tiers AS (
      SELECT tier FROM waiting
      UNION SELECT tier FROM ${lease}
      UNION SELECT tier FROM (SELECT DISTINCT tier FROM ${later} LIMIT $1::integer) AS found
      UNION SELECT tier FROM (SELECT DISTINCT tier FROM ${held} LIMIT $1::integer) AS found
      UNION SELECT tier FROM (SELECT DISTINCT tier FROM ${deadLetters} LIMIT $1::integer) AS found
    )
    SELECT tier,
      (SELECT count(*) FROM (
        SELECT FROM ${job} AS row WHERE row.tier = tiers.tier LIMIT $1::integer + 1
      ) AS found)::integer AS depth,
      (SELECT json_agg(json_build_object('name', name, 'jobs', jobs, 'oldestMs', oldest_ms) ORDER BY name) FROM (
        SELECT name, count(*) AS jobs, extract(epoch FROM now() - min(due_at))::float8 * 1000 AS oldest_ms
        FROM waiting, LATERAL (
          SELECT name, due_at FROM ${job} AS row
          WHERE row.tier = waiting.tier AND row.suspect = waiting.suspect AND row.rank = waiting.rank
          ORDER BY tag LIMIT $2::integer
        ) AS head WHERE waiting.tier = tiers.tier GROUP BY name
      ) AS kinds) AS front,
      coalesce((SELECT sum(size - cardinality(settled) - (SELECT count(*) FROM ${settled} WHERE token = row.token))
        FROM ${lease} AS row WHERE row.tier = tiers.tier), 0)::integer
        AS running,
      ${count(`${later} AS row`)} AS later,
      ${count(`${held} AS row`)} AS held,
      ${count(`${deadLetters} AS row`)} AS dead
    FROM tiers ORDER BY tier`)
}
