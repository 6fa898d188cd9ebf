import type { Pool } from 'pg'
import { prepareTables } from '../../../data/index.ts'
import { quoteIdentifier } from '../../../engines/index.ts'

const name = 'plimsoll_job_worker'

/** A process is there when it was heard of within this, in milliseconds. */
export const presenceMs = 15_000
/** Rows of processes that have not been heard of for so long are removed, in milliseconds. */
const forgottenMs = 3_600_000

export interface AttendanceStatements {
  /** $1 worker, $2 tiers, $3 jobs that it has taken from each, over its life. */
  readonly note: string
  /** $1 worker. */
  readonly leave: string
  /** By tier: jobs taken by all, and who is there. */
  readonly read: string
}

/** A row for each process and tier that it works on; see {@link AttendanceStatements}. */
export function attendanceStatements (schema: string | undefined): AttendanceStatements {
  const table = schema === undefined ? name : `${quoteIdentifier(schema)}.${name}`
  return {
    note: `
      WITH forgotten AS (
        DELETE FROM ${table} WHERE seen_at < now() - interval '${forgottenMs} ms'
      )
      INSERT INTO ${table} (worker, tier, taken)
      SELECT $1, tier, taken FROM unnest($2::text[], $3::bigint[]) AS row (tier, taken)
      ON CONFLICT (worker, tier) DO UPDATE SET taken = excluded.taken, seen_at = now(), present = true`,
    leave: `UPDATE ${table} SET present = false WHERE worker = $1`,
    read: `
      SELECT tier, sum(taken)::float8 AS taken,
        count(*) FILTER (WHERE present AND seen_at > now() - interval '${presenceMs} ms')::int AS workers
      FROM ${table} GROUP BY tier`,
  }
}

/** Makes the table where it is missing. Many may call it at once. */
export async function prepareAttendance (pool: Pool, schema: string | undefined): Promise<void> {
  await prepareTables(pool, {
    part: 'jobs-workers',
    schema,
    versions: [[
      `CREATE TABLE ${name} (
        worker text NOT NULL,
        tier text NOT NULL,
        taken bigint NOT NULL,
        present boolean NOT NULL DEFAULT true,
        seen_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (worker, tier)
      ) WITH (fillfactor = 50)`,
    ]],
  })
}
