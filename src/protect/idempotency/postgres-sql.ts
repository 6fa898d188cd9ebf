import { quoteIdentifier } from '../../engines/index.ts'

const table = 'plimsoll_idempotency'

/** The statements of the PostgreSQL store, for one schema. */
export interface PostgresStatements {
  /** The table's name, quoted. */
  readonly table: string
  readonly create: readonly string[]
  /** $1 key, $2 fingerprint, $3 lease and $4 keep in milliseconds. */
  readonly claim: string
  /** $1 keys, $2 tokens, $3 lease in milliseconds; answers the tokens that were renewed. */
  readonly renew: string
  readonly mark: string
  /** $1 key, $2 token, $3 status, $4 headers, $5 body. */
  readonly settle: string
  readonly release: string
  readonly read: string
  /** $1 how many at most. */
  readonly sweep: string
}

/**
 * One row a key: first a lease, then, by one update, the answer. That update changes no indexed column and finds
 * room on its page (a settled row has about four times the bytes of a leased one, hence the fill factor), so it
 * is a HOT update, and the leased version is pruned without a vacuum. What expires is deleted in batches along
 * the index of `expires_at`, oldest pages first. Partitions by day would make that a DROP, which needs an
 * exclusive lock on a table that every write uses: one long transaction would hold up them all.
 */
export function postgresStatements (schema: string | undefined): PostgresStatements {
  const name = schema === undefined ?
    quoteIdentifier(table) :
    `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`
  const isOver = `expires_at <= now() AND (status IS NOT NULL OR lease_until <= now())`
  // Losing a lease in a crash of the server is harmless: the transaction that relied on it is lost with it.
  const unflushed = `set_config('synchronous_commit', 'off', true)`
  const ms = (parameter: string): string => `now() + ${parameter}::float8 * interval '1 ms'`
  return {
    table: name,
    create: [
      `CREATE TABLE IF NOT EXISTS ${name} (
        key bytea PRIMARY KEY,
        fingerprint bytea NOT NULL,
        token bigint GENERATED ALWAYS AS IDENTITY,
        lease_until timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        marked boolean NOT NULL DEFAULT false,
        status smallint,
        headers text,
        body bytea
      ) WITH (fillfactor = 25, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05,
        toast.autovacuum_vacuum_threshold = 1000, toast.autovacuum_vacuum_scale_factor = 0.05)`,
      `CREATE INDEX IF NOT EXISTS plimsoll_idempotency_expires_at ON ${name} (expires_at)`,
    ],
    // A key that is settled or held is only read. Rows are locked with SKIP LOCKED, so that nobody waits behind
    // a holder's commit, or behind a holder whose machine has gone.
    claim: `
      WITH seen AS MATERIALIZED (
        SELECT fingerprint = $2 AS same, ${isOver} AS over, status, headers, body,
          extract(epoch FROM lease_until - now())::float8 * 1000 AS left_ms
        FROM ${name} WHERE key = $1
      ), made AS (
        INSERT INTO ${name} (key, fingerprint, lease_until, expires_at)
        SELECT $1, $2, ${ms('$3')}, ${ms('$4')} WHERE NOT EXISTS (SELECT FROM seen)
        ON CONFLICT (key) DO NOTHING
        RETURNING token
      ), took AS (
        UPDATE ${name} AS mine
        SET token = DEFAULT, fingerprint = $2, lease_until = ${ms('$3')}, expires_at = ${ms('$4')},
          marked = was.marked AND NOT was.over, status = NULL, headers = NULL, body = NULL
        FROM (
          SELECT key, marked, ${isOver} AS over FROM ${name}
          WHERE key = $1 AND (${isOver} OR (status IS NULL AND lease_until <= now() AND fingerprint = $2))
          FOR UPDATE SKIP LOCKED
        ) AS was
        WHERE mine.key = was.key
        RETURNING mine.token,
          CASE WHEN was.over THEN 'none' WHEN was.marked THEN 'unknown' ELSE 'lapsed' END AS previous
      )
      SELECT coalesce(made.token, took.token) AS token, coalesce(took.previous, 'none') AS previous,
        seen.same, seen.over, seen.status, seen.headers, seen.body, seen.left_ms, ${unflushed}
      FROM (VALUES (1)) AS one LEFT JOIN seen ON true LEFT JOIN made ON true LEFT JOIN took ON true`,
    renew: `
      UPDATE ${name} AS mine SET lease_until = ${ms('$3')}
      FROM unnest($1::bytea[], $2::bigint[]) AS held (key, token)
      WHERE mine.key = held.key AND mine.token = held.token AND mine.status IS NULL
      RETURNING mine.token, ${unflushed}`,
    mark: `UPDATE ${name} SET marked = true WHERE key = $1 AND token = $2 AND status IS NULL`,
    // From here on the transaction holds the key's row. Should its process hang or its machine go before the
    // commit, the server ends it together with the lease.
    settle: `
      UPDATE ${name} SET status = $3, headers = $4, body = $5
      WHERE key = $1 AND token = $2 AND status IS NULL
      RETURNING set_config('idle_in_transaction_session_timeout',
        greatest(100, ceil(extract(epoch FROM lease_until - clock_timestamp()) * 1000))::bigint::text, true)`,
    release: `
      WITH mine AS (
        SELECT key, marked FROM ${name} WHERE key = $1 AND token = $2 AND status IS NULL FOR UPDATE SKIP LOCKED
      ), ended AS (
        UPDATE ${name} AS row SET lease_until = now() FROM mine WHERE row.key = mine.key AND mine.marked RETURNING 1
      ), deleted AS (
        DELETE FROM ${name} AS row USING mine WHERE row.key = mine.key AND NOT mine.marked RETURNING 1
      )
      SELECT 1 FROM ended UNION ALL SELECT 1 FROM deleted`,
    read: `SELECT status, headers, body FROM ${name} WHERE key = $1 AND token = $2`,
    sweep: `
      DELETE FROM ${name} WHERE key = ANY (ARRAY (
        SELECT key FROM ${name} WHERE ${isOver} ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
      ))`,
  }
}
