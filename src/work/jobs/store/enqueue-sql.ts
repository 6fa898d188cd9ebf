import { splitSql } from './joined-texts.ts'
import { type Statement, statement, timeOf } from './statement.ts'
import type { JobTables } from './tables.ts'

export interface EnqueueStatements {
  /** $1 id, $2 tag, $3 rank, $4 tier, $5 name, $6 tenant, $7 spec, $8 payload. */
  readonly one: Statement
  /** As `one`, with $1 ids, $8 payloads as {@link joined} texts, $2 the base of their tags and $9 the step. */
  readonly alike: Statement
  /** $1 JSON rows of any kind, in order of their tags. */
  readonly mixed: Statement
  /** As `mixed`, with receipts. */
  readonly mixedTracked: Statement
  /** $1 ids, $2 names, $3 keys, $4 ends of windows: answers those that were free. */
  readonly takeKeys: Statement
  /** $1 names, $2 keys: drops those whose window has ended; answers who has the others. */
  readonly keyHolders: Statement
}

const mixedRow =
  `id uuid, place text, tag bigint, at float8, rank smallint, attempt smallint, tracked boolean, tier text,
  name text, tenant text, spec text, payload text, step bigint, cap integer`

export function enqueueStatements ({ job, later, held, receipt, unique }: JobTables): EnqueueStatements {
  const mixed = (receipts: string): Statement =>
    statement(`
      WITH row AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS row (${mixedRow})), ${receipts}
      due AS (
        INSERT INTO ${job} (id, tag, rank, attempt, tracked, tier, name, tenant, spec, payload)
        SELECT id, tag, rank, attempt, tracked, tier, name, tenant, spec, payload FROM row WHERE place = 'job'
      ), delayed AS (
        INSERT INTO ${later} (id, tag, due_at, rank, attempt, tracked, tier, name, tenant, spec, payload, step, cap)
        SELECT id, 0, ${timeOf('at')}, rank, attempt, tracked, tier, name, tenant, spec, payload, step, cap
        FROM row WHERE place = 'later'
      )
      INSERT INTO ${held} (id, tag, rank, attempt, tracked, tier, name, tenant, spec, payload, cap)
      SELECT id, tag, rank, attempt, tracked, tier, name, tenant, spec, payload, cap FROM row WHERE place = 'held'`)
  return {
    one: statement(`
      INSERT INTO ${job} (id, tag, rank, tier, name, tenant, spec, payload)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`),
    alike: statement(`
      INSERT INTO ${job} (id, tag, rank, tier, name, tenant, spec, payload)
      SELECT id, $2::bigint + at * $9::bigint, $3, $4, $5, $6, $7, payload
      FROM ROWS FROM (unnest($1::uuid[]), ${splitSql('$8')}) WITH ORDINALITY AS row (id, payload, at)`),
    mixed: mixed(''),
    // A dead letter that is enqueued again keeps its id, and its receipt.
    mixedTracked: mixed(`receipts AS (
        INSERT INTO ${receipt} AS known (id, name, tier, tenant, state, attempt)
        SELECT id, name, tier, tenant, 'waiting', attempt - 1 FROM row WHERE tracked
        ON CONFLICT (id) DO UPDATE SET state = 'waiting', error = NULL, changed_at = now()
      ),`),
    takeKeys: statement(`
      INSERT INTO ${unique} (name, key, job, until)
      SELECT name, key, id, ${timeOf('until')}
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::float8[]) AS row (id, name, key, until)
      WHERE NOT EXISTS (SELECT FROM ${unique} AS known WHERE known.name = row.name AND known.key = row.key)
      ORDER BY name, key
      ON CONFLICT (name, key) DO NOTHING
      RETURNING name, key, job`),
    keyHolders: statement(`
      WITH wanted AS (SELECT * FROM unnest($1::text[], $2::text[]) AS row (name, key)), lapsed AS (
        DELETE FROM ${unique} AS known USING wanted
        WHERE known.name = wanted.name AND known.key = wanted.key AND known.until <= now()
      )
      SELECT known.name, known.key, known.job FROM ${unique} AS known JOIN wanted USING (name, key)
      WHERE known.until IS NULL OR known.until > now()`),
  }
}
