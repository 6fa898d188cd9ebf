import { type Statement, statement, timeOf } from './statement.ts'
import { jobColumns, type JobTables } from './tables.ts'

/** What a settlement writes besides the lease. */
export interface SettleParts {
  /** It is the last of its batch: the lease goes. */
  readonly ends: boolean
  /** It is the job's own transaction's: positions are kept apart, so that nobody waits for its commit. */
  readonly apart: boolean
  readonly later: boolean
  readonly dead: boolean
  readonly receipts: boolean
  readonly keys: boolean
  readonly gates: boolean
}

export interface SettleStatements {
  /**
   * $1 token, $2 positions (how many are left, where it ends the batch), and as JSON $3 later, $4 dead, $5 receipts, $6 keys, $7 gates: those there are, numbered
   * without gaps. Answers a row when the lease was ours, and none of the positions settled yet.
   */
  settle(parts: SettleParts): Statement
  /** $1 token: waits for transactions that are settling its jobs. */
  readonly lock: Statement
  /** $1 token, $2 positions: whether they were settled before; no row where the lease is gone. */
  readonly wasSettled: Statement
  /** $1 token: removes the lease if all of it is settled; answers how many leases of this token are left. */
  readonly finish: Statement
}

export function settleStatements (tables: JobTables, deadLetters: string): SettleStatements {
  const { lease, settled } = tables

  function compose (parts: SettleParts): Statement {
    const { ends, apart } = parts
    let next = 3
    const parameter = (): string => `$${next++}::json`
    const writes: string[] = []
    if (parts.later) writes.push(`later AS (${laterWrite(tables, parameter())})`)
    if (parts.dead) writes.push(`dead AS (${deadWrite(deadLetters, parameter())})`)
    if (parts.receipts) writes.push(`receipts AS (${receiptWrite(tables, parameter())})`)
    if (parts.keys) writes.push(`keys AS (${keyWrite(tables, parameter())})`)
    if (parts.gates) writes.push(...gateWrites(tables, parameter()))
    const isFresh = `token = $1 AND NOT settled && $2::integer[]
      AND NOT EXISTS (SELECT FROM ${settled} AS row WHERE row.token = $1 AND at = ANY ($2::integer[]))`
    // From here on such a transaction holds the lease. Should its process hang or its machine go before the commit,
    // the server ends it when the lease has lapsed.
    const guard = `set_config('idle_in_transaction_session_timeout',
      greatest(100, ceil(extract(epoch FROM lease_until - clock_timestamp()) * 1000))::bigint::text, true)`
    const mine = ends ?
      `DELETE FROM ${lease} WHERE token = $1 AND size - cardinality(settled) = $2::integer
        RETURNING token, ${apart ? guard : 'NULL'}` :
      apart ?
      `INSERT INTO ${settled} (token, at)
        SELECT token, at FROM (
          SELECT token, ${guard} FROM ${lease} WHERE ${isFresh} FOR KEY SHARE
        ) AS held, unnest($2::integer[]) AS at
        ON CONFLICT (token, at) DO NOTHING RETURNING token` :
      `UPDATE ${lease} SET settled = settled || $2::integer[] WHERE ${isFresh} RETURNING token`
    return statement(`WITH ${[`mine AS (${mine})`, ...writes].join(', ')} SELECT token FROM mine LIMIT 1`)
  }

  const known = new Map<string, Statement>()
  return {
    settle (parts) {
      const key = JSON.stringify(parts)
      let composed = known.get(key)
      if (composed === undefined) known.set(key, composed = compose(parts))
      return composed
    },
    lock: statement(`SELECT FROM ${lease} WHERE token = $1 FOR UPDATE`),
    wasSettled: statement(`SELECT settled @> $2::integer[] AS settled FROM ${lease} WHERE token = $1`),
    finish: statement(`
      WITH mine AS MATERIALIZED (
        SELECT token, size FROM ${lease} WHERE token = $1
          AND size <= cardinality(settled) + (SELECT count(*) FROM ${settled} AS row WHERE row.token = $1)
      ), marks AS (
        DELETE FROM ${settled} AS row USING mine WHERE row.token = mine.token
      ), ended AS (
        DELETE FROM ${lease} AS row USING mine WHERE row.token = mine.token RETURNING 1
      )
      SELECT (SELECT count(*) FROM ${lease} WHERE token = $1)::integer - (SELECT count(*) FROM ended)::integer AS left`),
  }
}

function laterWrite ({ later }: JobTables, rows: string): string {
  return `INSERT INTO ${later} (${jobColumns}, step, cap)
    SELECT id, 0, ${timeOf('at')}, ${
    timeOf('enqueued')
  }, rank, attempt, false, tracked, tier, name, tenant, spec,
      payload, step, cap
    FROM json_to_recordset(${rows}) AS row (id uuid, at float8, enqueued float8, rank smallint, attempt smallint,
      tracked boolean, tier text, name text, tenant text, spec text, payload text, step bigint, cap integer)
    WHERE EXISTS (SELECT FROM mine)`
}

function deadWrite (letters: string, rows: string): string {
  return `INSERT INTO ${letters} AS letter (id, name, tier, tenant, priority, weight, attempts, cap, tracked, unique_key,
      context, payload, enqueued_at, attempt, fingerprint, version, error)
    SELECT id, name, tier, tenant, priority, weight, attempts, cap, tracked, key, context, payload,
      ${timeOf('enqueued')}, attempt, error->>'fingerprint', coalesce(error->>'version', ''), error
    FROM json_to_recordset(${rows}) AS row (id uuid, name text, tier text, tenant text, priority smallint,
      weight float8, attempts smallint, cap integer, tracked boolean, key text, context jsonb, payload text,
      enqueued float8, attempt smallint, error jsonb)
    WHERE EXISTS (SELECT FROM mine)
    ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt, fingerprint = excluded.fingerprint,
      version = excluded.version, error = excluded.error, failed_at = now()`
}

function receiptWrite ({ receipt }: JobTables, rows: string): string {
  return `UPDATE ${receipt} AS known SET state = row.state, result = coalesce(row.result, known.result),
      error = CASE WHEN row.state = 'done' THEN NULL ELSE coalesce(row.error, known.error) END, changed_at = now()
    FROM json_to_recordset(${rows}) AS row (id uuid, state text, result text, error text)
    WHERE known.id = row.id AND EXISTS (SELECT FROM mine)
      AND NOT (known.state = 'cancelled' AND row.state = 'waiting')`
}

function keyWrite ({ unique }: JobTables, rows: string): string {
  return `DELETE FROM ${unique} AS known USING json_to_recordset(${rows}) AS row (id uuid, name text, key text)
    WHERE known.name = row.name AND known.key = row.key AND known.job = row.id AND EXISTS (SELECT FROM mine)`
}

function gateWrites ({ gate }: JobTables, rows: string): readonly string[] {
  return [
    // In one order, so that two settlements cannot wait for each other.
    `freed AS MATERIALIZED (
      SELECT tier, tenant, row.count FROM ${gate} AS known
      JOIN json_to_recordset(${rows}) AS row (tier text, tenant text, count integer) USING (tier, tenant)
      WHERE EXISTS (SELECT FROM mine) ORDER BY tier, tenant FOR UPDATE OF known
    )`,
    `gates AS (
      UPDATE ${gate} AS known SET open = greatest(0, open - freed.count) FROM freed
      WHERE known.tier = freed.tier AND known.tenant = freed.tenant
    )`,
  ]
}
