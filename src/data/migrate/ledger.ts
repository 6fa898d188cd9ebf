import type pg from 'pg'
import { quoteIdentifier } from '../../engines/index.ts'
import { MigrationEditedError, MigrationMissingError, MigrationOrderError } from './errors.ts'
import type { MigrationFile } from './migration-files.ts'

/** What was applied to a schema: file name and checksum, in order of names. Seeds are named `seed:FILE`. */
export type Ledger = ReadonlyMap<string, string>

const seedPrefix = 'seed:'

/** Runs statements: a client, or a pool where any connection will do. */
export type Queryable = Pick<pg.Pool, 'query'>

const tableOf = (schema: string): string => `${quoteIdentifier(schema)}.plimsoll_migration`

/** @returns an empty ledger where nothing was ever applied */
export async function readLedger (database: Queryable, schema: string): Promise<Ledger> {
  const { rows: [found] } = await database.query<{ exists: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS exists',
    [tableOf(schema)]
  )
  if (found?.exists !== true) return new Map()
  const { rows } = await database.query<{ name: string; checksum: string }>(
    `SELECT name, checksum FROM ${tableOf(schema)} ORDER BY name COLLATE "C"`
  )
  return new Map(rows.map(({ name, checksum }) => [name, checksum]))
}

/** Makes schema and table where they are missing; asks first, since only making them needs the right to. */
export async function createLedger (database: Queryable, schema: string): Promise<void> {
  const { rowCount } = await database.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
  if (rowCount === 0) await database.query(`CREATE SCHEMA ${quoteIdentifier(schema)}`)
  await database.query(
    `CREATE TABLE IF NOT EXISTS ${tableOf(schema)} (
      name text PRIMARY KEY,
      checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`
  )
}

/** Writes down a migration; in the same transaction as the migration itself where it has one. */
export async function record (
  database: Queryable,
  schema: string,
  name: string,
  checksum: string
): Promise<void> {
  await database.query(`INSERT INTO ${tableOf(schema)} (name, checksum) VALUES ($1, $2)`, [name, checksum])
}

export const seedName = (file: string): string => `${seedPrefix}${file}`

/**
 * What is left to apply, in order.
 *
 * @throws MigrationEditedError, MigrationMissingError, MigrationOrderError when files and ledger contradict
 */
export function pendingMigrations (
  files: readonly MigrationFile[],
  ledger: Ledger
): readonly MigrationFile[] {
  const byName = new Map(files.map((file) => [file.name, file]))
  let last: string | undefined
  for (const [name, recorded] of ledger) {
    if (name.startsWith(seedPrefix)) continue
    const file = byName.get(name)
    if (file === undefined) throw new MigrationMissingError(name, recorded)
    if (file.checksum !== recorded) throw new MigrationEditedError(name, recorded, file.checksum)
    last = name
  }
  const pending = files.filter(({ name }) => !ledger.has(name))
  const [first] = pending
  if (first !== undefined && last !== undefined && first.name < last)
    throw new MigrationOrderError(first.name, last)
  return pending
}
