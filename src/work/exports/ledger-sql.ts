import { quoteIdentifier } from '../../engines/index.ts'

/** The statements of the ledger, for one schema. */
export interface LedgerStatements {
  /** By version, as `prepareTables` takes them. */
  readonly versions: readonly (readonly string[])[]
  readonly lockSubject: string
  readonly usage: string
  readonly occupants: string
  readonly create: string
  readonly begin: string
  readonly note: string
  readonly checkpoint: string
  readonly fail: string
  readonly end: string
  readonly read: string
  readonly readVersions: string
  readonly parts: string
  readonly takeDue: string
  readonly swept: string
  readonly forget: string
  readonly stale: string
}

/** What a row is read as: numbers as numbers, times in milliseconds. */
const columns =
  `id::text, name, tenant, owner, input, format, coding, job::text, version, run, snapshot, position, error,
  parts, rows::float8 AS rows, bytes::float8 AS bytes, raw_bytes::float8 AS "rawBytes", crc::float8 AS crc,
  estimated_rows::float8 AS "estimatedRows", swept,
  CASE WHEN state = 'done' AND expires_at <= now() THEN 'expired' ELSE state END AS state,
  ${ms('created_at')} AS "createdAtMs", ${ms('started_at')} AS "startedAtMs", ${
    ms('changed_at')
  } AS "changedAtMs",
  ${ms('finished_at')} AS "finishedAtMs", ${ms('expires_at')} AS "expiresAtMs", ${ms('now()')} AS "nowMs"`

function ms (time: string): string {
  return `floor(extract(epoch FROM ${time}) * 1000)::float8`
}

/**
 * One row an export, one a part. The row's `run` is a fencing token: each run takes the next one, and writes
 * nothing any more once a later one has begun, so that of two that believe to be the only one (one was paused for
 * longer than its lease) the later wins. Files carry the number of their run in their names, so that neither
 * overwrites what the other recorded.
 *
 * `sweep_at` is when upkeep has something to do next: delete files, then, when they are gone, the row.
 */
export function ledgerStatements (schema: string | undefined): LedgerStatements {
  const named = (table: string): string =>
    schema === undefined ? table : `${quoteIdentifier(schema)}.${table}`
  const [exported, part] = [named('plimsoll_export'), named('plimsoll_export_part')]
  const later = (parameter: string): string => `now() + ${parameter}::float8 * interval '1 ms'`
  const isOpen = `state IN ('queued', 'running')`
  // A subject is the tenant; the user, where there is no tenant.
  const ofSubject = `tenant = $1 AND ($1 <> '' OR owner = $2)`
  return {
    versions: [[
      `CREATE TABLE plimsoll_export (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        tenant text NOT NULL,
        owner text NOT NULL,
        input text NOT NULL,
        format text NOT NULL,
        coding text NOT NULL,
        state text NOT NULL DEFAULT 'queued',
        job uuid NOT NULL,
        version int NOT NULL DEFAULT 1,
        run int NOT NULL DEFAULT 0,
        snapshot jsonb,
        position jsonb,
        error jsonb,
        parts int NOT NULL DEFAULT 0,
        rows bigint NOT NULL DEFAULT 0,
        bytes bigint NOT NULL DEFAULT 0,
        raw_bytes bigint NOT NULL DEFAULT 0,
        crc bigint NOT NULL DEFAULT 0,
        estimated_rows bigint,
        created_at timestamptz NOT NULL DEFAULT now(),
        changed_at timestamptz NOT NULL DEFAULT now(),
        started_at timestamptz,
        finished_at timestamptz,
        expires_at timestamptz,
        sweep_at timestamptz,
        swept boolean NOT NULL DEFAULT false
      ) WITH (fillfactor = 70)`,
      `CREATE TABLE plimsoll_export_part (
        export uuid NOT NULL REFERENCES plimsoll_export ON DELETE CASCADE,
        number int NOT NULL,
        file text NOT NULL,
        rows bigint NOT NULL,
        bytes bigint NOT NULL,
        PRIMARY KEY (export, number)
      )`,
      `CREATE INDEX plimsoll_export_subject ON plimsoll_export (tenant, owner) WHERE NOT swept`,
      // Of what is under way, which is little; by its state alone, so that progress changes no index.
      `CREATE INDEX plimsoll_export_open ON plimsoll_export (id) WHERE ${isOpen}`,
      `CREATE INDEX plimsoll_export_sweep ON plimsoll_export (sweep_at) WHERE sweep_at IS NOT NULL`,
    ]],
    lockSubject: `SELECT pg_advisory_xact_lock(hashtextextended('plimsoll.exports.' || $1 || '/' || $2, 0))`,
    usage: `SELECT count(*) FILTER (WHERE ${isOpen})::int AS open,
        coalesce(sum(bytes) FILTER (WHERE state <> 'cancelled'), 0)::float8 AS bytes
      FROM ${exported} WHERE NOT swept AND ${ofSubject}`,
    occupants: `SELECT ${columns}, ${ms('sweep_at')} AS "sweepAtMs" FROM ${exported}
      WHERE NOT swept AND ${ofSubject} LIMIT 10000`,
    create: `INSERT INTO ${exported} (id, name, tenant, owner, input, format, coding, job)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${columns}`,
    // What was counted after the last durable part is counted again.
    begin:
      `UPDATE ${exported} AS mine SET run = run + 1, version = version + 1, state = 'running', error = NULL,
        started_at = coalesce(started_at, now()), changed_at = now(), finished_at = NULL, sweep_at = NULL,
        rows = CASE WHEN parts = 0 THEN 0 ELSE mine.rows END, raw_bytes = CASE WHEN parts = 0 THEN 0 ELSE raw_bytes END
      WHERE id = $1 AND (${isOpen} OR (state = 'failed' AND NOT swept)) RETURNING ${columns}`,
    note:
      `UPDATE ${exported} SET version = version + 1, changed_at = now(), snapshot = coalesce($3, snapshot),
        estimated_rows = coalesce($4, estimated_rows), rows = coalesce($5, rows), raw_bytes = coalesce($6, raw_bytes)
      WHERE id = $1 AND run = $2 AND state = 'running'`,
    checkpoint: `WITH mine AS (
        UPDATE ${exported} SET version = version + 1, changed_at = now(), parts = $3 + 1, rows = $4, bytes = $5,
          raw_bytes = $6, crc = $7, position = $8,
          state = CASE WHEN $9::float8 IS NULL THEN state ELSE 'done' END,
          finished_at = CASE WHEN $9::float8 IS NULL THEN NULL ELSE now() END,
          expires_at = ${later('$9')}, sweep_at = ${later('($9::float8 + $10::float8)')}
        WHERE id = $1 AND run = $2 AND state = 'running' AND parts = $3 RETURNING id
      )
      INSERT INTO ${part} (export, number, file, rows, bytes) SELECT id, $3, $11, $12, $13 FROM mine`,
    fail: `UPDATE ${exported} SET version = version + 1, state = 'failed', error = $3, changed_at = now(),
        finished_at = now(), sweep_at = ${later('$4')}
      WHERE id = $1 AND ($2::int IS NULL OR run = $2) AND ${isOpen} RETURNING ${columns}`,
    // One that is open ends as cancelled; one that is done, now rather than when it would have expired.
    end: `UPDATE ${exported} SET version = version + 1, changed_at = now(), sweep_at = ${later('$2')},
        state = CASE WHEN ${isOpen} THEN 'cancelled' ELSE state END,
        finished_at = coalesce(finished_at, now()), expires_at = now()
      WHERE id = $1 AND (${isOpen} OR (state IN ('done', 'failed') AND NOT swept)) RETURNING ${columns}`,
    read: `SELECT ${columns} FROM ${exported} WHERE id = $1`,
    readVersions: `SELECT id::text, version, ${isOpen} AS open FROM ${exported} WHERE id = ANY ($1::uuid[])`,
    parts: `SELECT file, bytes::float8 AS bytes FROM ${part} WHERE export = $1 AND bytes > 0 ORDER BY number`,
    // Whoever takes them has until then to be done; after that somebody else tries.
    takeDue: `UPDATE ${exported} AS mine SET sweep_at = ${later('$2')} FROM (
        SELECT id FROM ${exported} WHERE sweep_at <= now() ORDER BY sweep_at LIMIT $1 FOR UPDATE SKIP LOCKED
      ) AS due WHERE mine.id = due.id RETURNING mine.id::text, mine.swept`,
    swept: `UPDATE ${exported} SET swept = true, sweep_at = ${
      later('$2')
    }, version = version + 1, changed_at = now(),
        state = CASE WHEN state = 'done' THEN 'expired' ELSE state END
      WHERE id = $1 AND NOT ${isOpen}`,
    forget: `DELETE FROM ${exported} WHERE id = $1 AND swept`,
    // Whoever looks after them now, nobody else does for as long.
    stale: `UPDATE ${exported} AS mine SET changed_at = now() FROM (
        SELECT id FROM ${exported} WHERE ${isOpen} AND changed_at < now() - $1::float8 * interval '1 ms'
        LIMIT $2 FOR UPDATE SKIP LOCKED
      ) AS old WHERE mine.id = old.id RETURNING mine.id::text, mine.job::text`,
  }
}
