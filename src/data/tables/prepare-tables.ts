import type { Pool } from 'pg'
import { quoteIdentifier } from '../../engines/index.ts'
import { SettingError } from '../../kernel/index.ts'
import { type Transaction, transaction } from '../transaction/index.ts'

export interface TablesOptions {
  /** Names the tables' owner, such as 'jobs'; lower-case letters, digits, `-` and `_`. */
  readonly part: string
  /** Holds the tables. @default the first schema of the connections' search path */
  readonly schema?: string | undefined
  /**
   * The statements that lead from version n to n + 1, at position n. They name tables without a schema. Only ever add
   * to the end: what has run once does not run again.
   */
  readonly versions: readonly (readonly string[])[]
}

const ledger = 'plimsoll_part'

/**
 * Makes the tables that a part of Plimsoll keeps in the database of a service, or brings them up to date. Of processes
 * that start at the same time one does it, and the others wait for that. What is there is only looked at, so that a
 * role without the right to create tables can run a service whose tables are there.
 *
 * @throws TablesTooNewError when a newer release has made them; what PostgreSQL throws
 */
export async function prepareTables (pool: Pool, { part, schema, versions }: TablesOptions): Promise<void> {
  if (!/^[a-z][a-z\d_-]{0,40}$/.test(part))
    throw new SettingError('tables.part', 'lower-case letters, digits, "-" and "_"', part)
  if (await versionOf(pool, schema, part) === versions.length) return
  await transaction(pool, async (tx) => {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('plimsoll.tables', 0))`)
    if (schema !== undefined) await enterSchema(tx, schema)
    await tx.query(`CREATE TABLE IF NOT EXISTS ${ledger} (part text PRIMARY KEY, version int NOT NULL)`)
    const version = await versionOf(tx, schema, part) ?? 0
    if (version > versions.length) throw new TablesTooNewError(part, version, versions.length)
    for (const statements of versions.slice(version)) {
      for (const statement of statements) await tx.query(statement)
    }
    await tx.query(
      `INSERT INTO ${ledger} VALUES ($1, $2) ON CONFLICT (part) DO UPDATE SET version = excluded.version`,
      [part, versions.length]
    )
  })
}

/** The tables of a part were made by a newer release than this one: it would misread them. */
export class TablesTooNewError extends Error {
  override readonly name = 'TablesTooNewError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'TABLES_TOO_NEW'
  readonly part: string
  readonly found: number
  readonly known: number

  constructor (part: string, found: number, known: number) {
    super(
      `the tables of ${part} are of version ${found}, and this release knows them up to ${known}: ` +
        'run the release that made them, or a newer one'
    )
    this.part = part
    this.found = found
    this.known = known
  }
}

async function versionOf (
  connection: Transaction,
  schema: string | undefined,
  part: string
): Promise<number | undefined> {
  const table = schema === undefined ? ledger : `${quoteIdentifier(schema)}.${ledger}`
  const { rows: [there] } = await connection.query<{ there: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS there',
    [table]
  )
  if (there?.there !== true) return undefined
  const { rows: [row] } = await connection.query<{ version: number }>(
    `SELECT version FROM ${table} WHERE part = $1`,
    [part]
  )
  return row?.version
}

/** For the rest of the transaction, so that statements need not name the schema. */
async function enterSchema (tx: Transaction, schema: string): Promise<void> {
  const { rowCount } = await tx.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
  if (rowCount === 0) await tx.query(`CREATE SCHEMA ${quoteIdentifier(schema)}`)
  await tx.query(`SELECT set_config('search_path', $1 || ', public', true)`, [quoteIdentifier(schema)])
}
