import type { Pool } from 'pg'
import { prepareTables } from '../../../data/index.ts'
import { quoteIdentifier } from '../../../engines/index.ts'

const name = 'plimsoll_job_worker'

/** A process is there when it was heard of within this, in milliseconds. */
export const presenceMs = 15_000
/** Rows of processes that have not been heard of for so long are removed, in milliseconds. */
const forgottenMs = 3_600_000

export interface AttendanceStatements {
  /**
   * $1 worker, $2 tiers, $3 jobs that it has taken from each, over its life, $4 names of the jobs that it takes as JSON
   * lists, null where it takes any.
   */
  readonly note: string
  /** $1 worker. */
  readonly leave: string
  /** Answers an {@link Attendance} of each tier. */
  readonly read: string
}

/** Who works on a tier. */
export interface Attendance {
  readonly tier: string
  /** Jobs taken by all, over their lives. */
  readonly taken: number
  /** Processes that are there. */
  readonly workers: number
  /** The names of jobs that those who are there take; null where one of them takes any. */
  readonly names: readonly string[] | null
}

/** A row for each process and tier that it works on; see {@link AttendanceStatements}. */
export function attendanceStatements (schema: string | undefined): AttendanceStatements {
  const table = schema === undefined ? name : `${quoteIdentifier(schema)}.${name}`
  return {
    note: `
      WITH forgotten AS (
        DELETE FROM ${table} WHERE seen_at < now() - interval '${forgottenMs} ms'
      )
      INSERT INTO ${table} (worker, tier, taken, names)
      SELECT $1, tier, taken, names FROM unnest($2::text[], $3::bigint[], $4::jsonb[]) AS row (tier, taken, names)
      ON CONFLICT (worker, tier) DO UPDATE
        SET taken = excluded.taken, names = excluded.names, seen_at = now(), present = true`,
    leave: `UPDATE ${table} SET present = false WHERE worker = $1`,
    read: `
      SELECT tier, sum(taken)::float8 AS taken, (count(*) FILTER (WHERE is_there))::int AS workers,
        CASE WHEN bool_or(is_there AND names IS NULL) THEN NULL ELSE coalesce((
          SELECT json_agg(DISTINCT name) FROM unnest(array_agg(names) FILTER (WHERE is_there)) AS list,
            jsonb_array_elements_text(list) AS name
        ), '[]') END AS names
      FROM (
        SELECT *, present AND seen_at > now() - interval '${presenceMs} ms' AS is_there FROM ${table}
      ) AS row GROUP BY tier`,
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
    ], [
      `ALTER TABLE ${name} ADD COLUMN names jsonb`,
    ]],
  })
}

/** Who works on which tier. */
export async function readAttendance (
  pool: Pool,
  schema: string | undefined
): Promise<ReadonlyMap<string, Attendance>> {
  const { rows } = await pool.query<Attendance>(attendanceStatements(schema).read)
  return new Map(rows.map((row) => [row.tier, row]))
}
