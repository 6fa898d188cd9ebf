import type { Pool } from 'pg'
import { quoteIdentifier } from '../../../engines/index.ts'
import type { WaitingTenant } from './tier-pressure.ts'

/** Of so many jobs, or of fewer, is read whose they are. */
const sampled = 20_000
/** Those with the most are told; who is not among them has few. */
const tenantsTold = 1_000

/** @returns how many jobs of a tier wait, by tenant, the most first; `depth` is how many there are about */
export type Backlogs = (tier: string, depth: number) => Promise<readonly WaitingTenant[]>

/**
 * Counts in the table of the PostgreSQL store. A large backlog is sampled by pages, so that the cost does not grow with
 * it; a tenant with few jobs in it may be overlooked.
 */
export function postgresBacklogs (pool: Pool, schema: string | undefined): Backlogs {
  const table = schema === undefined ? 'plimsoll_job' : `${quoteIdentifier(schema)}.plimsoll_job`
  const text = `
    SELECT tenant, round(count(*) * 100 / $2::float8)::float8 AS waiting
    FROM ${table} TABLESAMPLE SYSTEM ($2::float8) WHERE tier = $1
    GROUP BY tenant ORDER BY waiting DESC, tenant LIMIT ${tenantsTold}`
  return async (tier, depth) => {
    const percent = Math.min(100, 100 * sampled / Math.max(1, depth))
    return (await pool.query<WaitingTenant>(text, [tier, percent])).rows
  }
}
