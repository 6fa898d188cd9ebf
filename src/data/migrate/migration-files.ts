import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { MigrationFileError, MigrationOrderError } from './errors.ts'
import { splitStatements, type Statement } from './statements.ts'

export interface MigrationFile {
  /** E.g. `0002_orders.sql`. */
  readonly name: string
  readonly text: string
  readonly statements: readonly Statement[]
  /** SHA-256 in hexadecimal, the same whether lines end in LF or CRLF. */
  readonly checksum: string
  /** False when its first line is `-- plimsoll: no transaction`. */
  readonly transaction: boolean
}

const namePattern = /^\d{4}_[\w-]+\.sql$/
const noTransaction = /^--\s*plimsoll:\s*no transaction\s*(?:\n|$)/
const transactionControl =
  /^(?:begin(?!\s+atomic)|start\s+transaction|commit|end|rollback(?!\s+to)|abort|prepare\s+transaction)\b/i

/**
 * Reads the migrations of a directory in order of their numbers. Files that do not end in `.sql` are left
 * alone.
 *
 * @param except a file in the directory that is no migration: the seed
 * @throws MigrationFileError, MigrationOrderError
 */
export async function readMigrations (
  directory: URL,
  except: URL | undefined
): Promise<readonly MigrationFile[]> {
  const folder = directory.href.endsWith('/') ? directory : new URL(`${directory.href}/`)
  const files: MigrationFile[] = []
  for (const name of await listSql(folder)) {
    const url = new URL(encodeURIComponent(name), folder)
    if (url.href === except?.href) continue
    if (!namePattern.test(name)) {
      throw new MigrationFileError(name, 'is not named NNNN_name.sql, four digits first: rename it')
    }
    const previous = files.at(-1)
    if (previous?.name.slice(0, 4) === name.slice(0, 4)) throw new MigrationOrderError(name, previous.name)
    files.push(await readMigration(url, name))
  }
  return files
}

async function listSql (folder: URL): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.sql')).toSorted()
  } catch (error) {
    throw new MigrationFileError(
      fileURLToPath(folder),
      'is not a directory that can be read: correct database.migrations',
      error
    )
  }
}

/** @throws MigrationFileError when it cannot be read, or ends its own transaction */
export async function readMigration (url: URL, name: string): Promise<MigrationFile> {
  const text = await readText(url, name)
  const statements = splitStatements(text)
  const transaction = !noTransaction.test(text)
  if (transaction) {
    const control = statements.find((statement) => transactionControl.test(statement.text))
    if (control !== undefined) {
      throw new MigrationFileError(
        name,
        `begins or ends a transaction itself ("${
          control.text.slice(0, 40)
        }"): each file runs in one already; remove ` +
          'the statement, or make "-- plimsoll: no transaction" the first line'
      )
    }
  }
  return { name, text, statements, checksum: createHash('sha256').update(text).digest('hex'), transaction }
}

async function readText (url: URL, name: string): Promise<string> {
  try {
    const text = await readFile(url, 'utf8')
    return text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  } catch (error) {
    throw new MigrationFileError(name, 'cannot be read', error)
  }
}
