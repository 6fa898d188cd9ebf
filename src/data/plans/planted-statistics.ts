import type { Pool, PoolClient } from 'pg'
import { quoteIdentifier } from '../../engines/index.ts'
import { PlansUnavailableError } from './errors.ts'

/** What the planner shall believe of a table. */
export interface PlantedTable {
  /** How many rows it has. */
  readonly rows: number
  /** Of columns that matter. @default what the planner assumes of a column that was never analysed */
  readonly columns?: Readonly<Record<string, PlantedColumn>>
}

export interface PlantedColumn {
  /** How many different values. */
  readonly distinct?: number
  /** The share of NULL, 0 to 1. @default 0 */
  readonly nulls?: number
}

/** By name, with its schema where the search path does not lead there. */
export type PlantedTables = Readonly<Record<string, PlantedTable>>

interface Found {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly pages: number
}

/**
 * Makes the planner believe that tables are as large as in production, so that a database with ten rows gets the plans
 * of the large one. Statistics of columns that are not named are removed, which makes plans the same everywhere, and
 * autovacuum is told to leave the tables alone. For databases of tests: it needs their owner, before PostgreSQL 18 a
 * superuser.
 *
 * The planner counts the real pages of a table, which stay few: plans that read many scattered rows look cheaper than
 * they are in a large one.
 *
 * @throws PlansUnavailableError for a table that is not there or empty, and for columns before PostgreSQL 18
 * @see https://www.postgresql.org/docs/18/functions-admin.html#FUNCTIONS-ADMIN-STATSMOD
 */
export async function plantStatistics (pool: Pool, tables: PlantedTables): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await plantOn(client, tables)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

/** {@link plantStatistics} within a transaction of the caller. */
export async function plantOn (client: PoolClient, tables: PlantedTables): Promise<void> {
  const { rows: [server] } = await client.query<{ version: number }>(
    "SELECT current_setting('server_version_num')::int AS version"
  )
  const isNew = (server?.version ?? 0) >= 180_000
  for (const [name, table] of Object.entries(tables)) {
    const found = await find(client, name)
    const target = `${quoteIdentifier(found.schema)}.${quoteIdentifier(found.name)}`
    await client.query(`ALTER TABLE ${target} SET (autovacuum_enabled = false)`)
    if (!isNew) await plantOld(client, name, found, table)
    else await plantNew(client, found, table)
  }
}

async function find (client: PoolClient, name: string): Promise<Found> {
  const { rows: [found] } = await client.query<Found>(
    `SELECT c.oid::int AS oid, nspname AS schema, relname AS name,
      (pg_relation_size(c.oid) / current_setting('block_size')::int)::int AS pages
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE c.oid = to_regclass($1) AND relkind IN ('r', 'm')`,
    [name]
  )
  if (found === undefined) throw new PlansUnavailableError(`statistics of ${name}: there is no such table`)
  if (found.pages === 0) {
    throw new PlansUnavailableError(
      `statistics of ${name}: the table is empty, which the planner sees; give it a row`
    )
  }
  return found
}

async function plantNew (
  client: PoolClient,
  { schema, name, pages }: Found,
  table: PlantedTable
): Promise<void> {
  await client.query(
    `SELECT pg_restore_relation_stats('schemaname', $1::text, 'relname', $2::text,
      'relpages', $3::int, 'reltuples', $4::real, 'relallvisible', $3::int)`,
    [schema, name, pages, table.rows]
  )
  await client.query(
    `SELECT pg_clear_attribute_stats($1::text, $2::text, attname::text, false)
    FROM pg_attribute WHERE attrelid = format('%I.%I', $1::text, $2::text)::regclass AND attnum > 0 AND NOT attisdropped`,
    [schema, name]
  )
  for (const [column, { distinct, nulls = 0 }] of Object.entries(table.columns ?? {})) {
    await client.query(
      `SELECT pg_restore_attribute_stats('schemaname', $1::text, 'relname', $2::text, 'attname', $3::text,
        'inherited', false, 'null_frac', $4::real, 'n_distinct', $5::real)`,
      [schema, name, column, nulls, distinct ?? -1]
    )
  }
}

async function plantOld (
  client: PoolClient,
  name: string,
  { oid, pages }: Found,
  table: PlantedTable
): Promise<void> {
  if (table.columns !== undefined) {
    throw new PlansUnavailableError(`statistics of ${name}: those of columns need PostgreSQL 18 or later`)
  }
  await client.query('UPDATE pg_class SET reltuples = $2, relpages = $3, relallvisible = $3 WHERE oid = $1', [
    oid,
    table.rows,
    pages,
  ])
  await client.query('DELETE FROM pg_statistic WHERE starelid = $1', [oid])
}
