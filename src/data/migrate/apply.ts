import pg from 'pg'
import { quoteIdentifier } from '../../engines/index.ts'
import { MigrationFailedError } from './errors.ts'
import { record } from './ledger.ts'
import type { MigrationFile } from './migration-files.ts'
import { positionAt, type Statement, utf16Offset } from './statements.ts'

/**
 * Applies one file and records it under `name`, both in one transaction unless the file asks for none.
 *
 * @param signal looked at between statements; a statement that runs is not cut
 * @throws MigrationFailedError; the caller must then give up the connection, and with it the transaction
 */
export async function applyFile (
  client: pg.PoolClient,
  schema: string,
  file: MigrationFile,
  name: string,
  signal?: AbortSignal
): Promise<void> {
  await client.query(prepareSql(schema))
  if (file.transaction) await client.query('BEGIN')
  for (const statement of file.statements) {
    signal?.throwIfAborted()
    try {
      await client.query(statement.text)
    } catch (error) {
      throw failure(file, statement, error)
    }
  }
  await record(client, schema, name, file.checksum)
  if (file.transaction) await client.query('COMMIT')
}

/**
 * Each file starts alike, whatever the one before has set, and no statement timeout of the pool's holds.
 * Where the server can (14 or later, not on Windows), it looks each second whether we live: else a killed
 * process's last statement would run to its end, and hold the migration lock until then.
 */
function prepareSql (schema: string): string {
  return `RESET ALL; SET search_path = ${quoteIdentifier(schema)}, public; SET statement_timeout = 0;
    DO $$ BEGIN SET client_connection_check_interval = '1s'; EXCEPTION WHEN OTHERS THEN NULL; END $$`
}

/** Places the failure where PostgreSQL points to, else at the beginning of the statement. */
function failure (file: MigrationFile, statement: Statement, error: unknown): MigrationFailedError {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof pg.DatabaseError)) {
    return new MigrationFailedError(file.name, positionAt(file.text, statement.start), { message }, error)
  }
  const characters = error.position === undefined ? 0 : Number(error.position) - 1
  const offset = statement.start + utf16Offset(statement.text, characters)
  const { code: sqlState, hint, detail } = error
  const said = detail === undefined ? message : `${message} (${detail})`
  return new MigrationFailedError(
    file.name,
    positionAt(file.text, offset),
    { message: said, sqlState, hint },
    error
  )
}
