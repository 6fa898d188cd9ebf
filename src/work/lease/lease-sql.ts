import { quoteIdentifier } from '../../engines/index.ts'

const table = 'plimsoll_lease'

/** The statements of named leases, for one schema. */
export interface LeaseStatements {
  /** $1 name, $2 owner, who does not know that it holds it, $3 lease in milliseconds. */
  readonly take: string
  /** $1 tokens, $2 lease in milliseconds; answers those that were renewed. */
  readonly renew: string
  /** $1 name, $2 token. */
  readonly release: string
  /** $1 name, $2 token, $3 lease in milliseconds. */
  readonly fence: string
  readonly holder: string
}

/** `token` is unique, hence a key: who takes a lease over must change it, and waits for whoever has fenced it. */
export const leaseTables: readonly (readonly string[])[] = [[
  `CREATE TABLE ${table} (
    name text PRIMARY KEY,
    token bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    owner text NOT NULL,
    lease_until timestamptz NOT NULL
  ) WITH (fillfactor = 50)`,
]]

export function leaseStatements (schema: string | undefined): LeaseStatements {
  const name = schema === undefined ? table : `${quoteIdentifier(schema)}.${table}`
  // Losing a renewal in a crash of the server is harmless: the next one comes before the lease ends.
  const unflushed = `set_config('synchronous_commit', 'off', true)`
  const ms = (parameter: string): string => `now() + ${parameter}::float8 * interval '1 ms'`
  return {
    // Rows are locked with SKIP LOCKED: nobody waits for a holder that hangs in its transaction. What is this owner's
    // already, it has taken by a statement whose answer never came.
    take: `
      WITH free AS (
        SELECT name FROM ${name} WHERE name = $1 AND (lease_until <= now() OR owner = $2) FOR UPDATE SKIP LOCKED
      ), made AS (
        INSERT INTO ${name} (name, owner, lease_until)
        SELECT $1, $2, ${ms('$3')} WHERE NOT EXISTS (SELECT FROM ${name} WHERE name = $1)
        ON CONFLICT (name) DO NOTHING
        RETURNING token
      ), took AS (
        UPDATE ${name} AS mine SET token = DEFAULT, owner = $2, lease_until = ${ms('$3')}
        FROM free WHERE mine.name = free.name
        RETURNING mine.token
      )
      SELECT token FROM made UNION ALL SELECT token FROM took`,
    renew: `
      UPDATE ${name} SET lease_until = ${
      ms('$2')
    } WHERE token = ANY ($1::bigint[]) RETURNING token, ${unflushed}`,
    release: `DELETE FROM ${name} WHERE name = $1 AND token = $2`,
    // Should this process hang or its machine go before the commit, the server ends the transaction after a lease.
    fence: `
      SELECT set_config('idle_in_transaction_session_timeout', ceil($3::float8)::bigint::text, true)
      FROM (SELECT FROM ${name} WHERE name = $1 AND token = $2 FOR KEY SHARE) AS mine`,
    holder: `
      SELECT owner, token, extract(epoch FROM lease_until - now())::float8 * 1000 AS left_ms
      FROM ${name} WHERE name = $1`,
  }
}
