import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { type Clock, SettingError, systemClock } from '../../kernel/index.ts'
import { applyFile } from './apply.ts'
import { createLedger, type Ledger, pendingMigrations, readLedger, seedName } from './ledger.ts'
import { type MigrationFile, readMigration, readMigrations } from './migration-files.ts'
import { takeLock } from './migration-lock.ts'

export interface MigrateProgress {
  /** Files done so far, of `total` that this run has to do, the seed included. */
  readonly done: number
  readonly total: number
  /** The file that is applied now; the last one when all are done. */
  readonly name: string
}

export interface MigrateOptions {
  /**
   * One of its connections is used, and closed at the end. It must reach PostgreSQL itself, or a pooler in
   * session mode.
   */
  readonly pool: pg.Pool
  /** Made if missing. Files run with it first in the search path, `public` second. */
  readonly schema: string
  /** Holds `NNNN_name.sql`, applied in order of the numbers. */
  readonly directory: URL
  /** A file of example data, applied once, after all migrations that exist at that time. */
  readonly seed?: URL | undefined
  readonly onProgress?: (progress: MigrateProgress) => void
  /** Hears who holds the lock when it has to be waited for. */
  readonly log?: (message: string) => void
  /** Ends the wait for the lock, and the run between two statements. */
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
}

export interface MigrateResult {
  /** Names of the files that this call applied; empty when there was nothing to do. */
  readonly applied: readonly string[]
  /** Whether this call applied the seed. */
  readonly seeded: boolean
}

/**
 * Brings a schema up to date with its migration files.
 *
 * Each file runs in one transaction together with its record, so that a kill leaves it applied or not at
 * all. A file whose first line is `-- plimsoll: no transaction` runs outside one, for CREATE INDEX
 * CONCURRENTLY and its like: when it fails in the middle its first statements stay, so write it to be run
 * twice.
 *
 * Of processes that start at once one applies the files; the others wait and find them applied. When there
 * is nothing to do no lock is taken.
 *
 * @throws MigrationEditedError, MigrationMissingError, MigrationOrderError, MigrationFileError before
 *   anything is applied; MigrationFailedError with the place in the file; MigrationLockedError;
 *   SettingError for the schema's name
 */
export async function migrate (options: MigrateOptions): Promise<MigrateResult> {
  const { pool, directory, seed } = options
  const schema = checkSchema(options.schema)
  const files = await readMigrations(directory, seed)
  const seedFile = seed === undefined ? undefined : await readMigration(seed, basename(fileURLToPath(seed)))
  if (isDone(files, seedFile, await readLedger(pool, schema))) return { applied: [], seeded: false }

  const client = await pool.connect()
  // A connection that breaks says so in the statement's own rejection too.
  client.on('error', () => {})
  try {
    return await migrateLocked(client, { ...options, schema, files, seedFile })
  } finally {
    // Closed, not given back: it carries the lock, perhaps an open transaction, and what the files have set.
    client.release(true)
  }
}

/**
 * Names the files that {@link migrate} would apply now, in order. It reads, and changes nothing.
 *
 * @throws as {@link migrate}, when the files and what was applied contradict each other
 */
export async function readPending (
  { pool, schema, directory, seed }: Pick<MigrateOptions, 'pool' | 'schema' | 'directory' | 'seed'>
): Promise<readonly string[]> {
  const files = await readMigrations(directory, seed)
  return pendingMigrations(files, await readLedger(pool, checkSchema(schema))).map(({ name }) => name)
}

interface LockedOptions extends MigrateOptions {
  readonly files: readonly MigrationFile[]
  readonly seedFile: MigrationFile | undefined
}

async function migrateLocked (client: pg.PoolClient, options: LockedOptions): Promise<MigrateResult> {
  const { schema, files, seedFile, onProgress, signal, clock = systemClock, log = () => {} } = options
  await takeLock(client, schema, { clock, signal, log })
  await createLedger(client, schema)
  const ledger = await readLedger(client, schema)
  const steps = pendingMigrations(files, ledger).map((file) => ({ file, name: file.name }))
  const applied = steps.map(({ name }) => name)
  const seeded = seedFile !== undefined && !ledger.has(seedName(seedFile.name))
  if (seeded) steps.push({ file: seedFile, name: seedName(seedFile.name) })
  for (const [done, { file, name }] of steps.entries()) {
    onProgress?.({ done, total: steps.length, name: file.name })
    await applyFile(client, schema, file, name, signal)
  }
  const last = steps.at(-1)
  if (last !== undefined) onProgress?.({ done: steps.length, total: steps.length, name: last.file.name })
  return { applied, seeded }
}

function isDone (files: readonly MigrationFile[], seed: MigrationFile | undefined, ledger: Ledger): boolean {
  return pendingMigrations(files, ledger).length === 0 &&
    (seed === undefined || ledger.has(seedName(seed.name)))
}

function checkSchema (schema: string): string {
  const bytes = Buffer.byteLength(schema)
  if (bytes === 0 || bytes > 63 || schema.includes('\0') || schema.startsWith('pg_')) {
    throw new SettingError(
      'database.schema',
      'a name of 1 to 63 bytes that does not begin with "pg_"',
      schema
    )
  }
  return schema
}
