/** A file was changed after it had been applied here, so the database is not what the files say. */
export class MigrationEditedError extends Error {
  override readonly name = 'MigrationEditedError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'MIGRATION_EDITED'
  readonly file: string
  /** SHA-256 of the file when it was applied, and now; in hexadecimal. */
  readonly recorded: string
  readonly found: string

  constructor (file: string, recorded: string, found: string) {
    super(
      `migration ${file} was edited after it was applied (checksum then ${recorded}, now ${found}): ` +
        'restore the file from version control, and put the change into a new migration'
    )
    this.file = file
    this.recorded = recorded
    this.found = found
  }
}

/** The database has a migration whose file is gone. */
export class MigrationMissingError extends Error {
  override readonly name = 'MigrationMissingError'
  readonly code = 'MIGRATION_MISSING'
  readonly file: string
  readonly recorded: string

  constructor (file: string, recorded: string) {
    super(
      `migration ${file} was applied to this database (checksum ${recorded}), but its file is gone: ` +
        'restore it from version control, or start the release that brought it'
    )
    this.file = file
    this.recorded = recorded
  }
}

/** A new file sorts before one that was applied already, so that databases would differ by their history. */
export class MigrationOrderError extends Error {
  override readonly name = 'MigrationOrderError'
  readonly code = 'MIGRATION_ORDER'
  readonly file: string
  /** The applied, or equally numbered, file that it conflicts with. */
  readonly other: string

  constructor (file: string, other: string) {
    const number = file.slice(0, 4)
    super(
      number === other.slice(0, 4) ?
        `migrations ${file} and ${other} have the same number: give the newer one the next free number` :
        `migration ${file} is new, but ${other} was applied before it: give it a number above ${
          other.slice(0, 4)
        }`
    )
    this.file = file
    this.other = other
  }
}

/** The migrations cannot be read, or one of them cannot be a migration. */
export class MigrationFileError extends Error {
  override readonly name = 'MigrationFileError'
  readonly code = 'MIGRATION_FILE'
  /** A file or the directory. */
  readonly file: string

  /** @param reason what is wrong and what to do */
  constructor (file: string, reason: string, cause?: unknown) {
    super(`migration ${file} ${reason}`, cause === undefined ? undefined : { cause })
    this.file = file
  }
}

/** Where in a file a statement failed; both count from 1. */
export interface FilePosition {
  readonly line: number
  readonly column: number
}

/** PostgreSQL refused a statement. Nothing of the file was kept, unless it runs outside a transaction. */
export class MigrationFailedError extends Error {
  override readonly name = 'MigrationFailedError'
  readonly code = 'MIGRATION_FAILED'
  readonly file: string
  readonly line: number
  readonly column: number
  /** PostgreSQL's own words. */
  readonly databaseMessage: string
  /** SQLSTATE, e.g. `42601`; undefined when the connection was lost. */
  readonly sqlState: string | undefined

  constructor (
    file: string,
    { line, column }: FilePosition,
    { message, sqlState, hint }: {
      message: string
      sqlState?: string | undefined
      hint?: string | undefined
    },
    cause: unknown
  ) {
    super(
      `migration ${file} failed at line ${line}, column ${column}: ${message}${
        hint === undefined ? '' : `; ${hint}`
      }`,
      { cause }
    )
    this.file = file
    this.line = line
    this.column = column
    this.databaseMessage = message
    this.sqlState = sqlState
  }
}

/** Another process held the migration lock until the caller's patience ended. */
export class MigrationLockedError extends Error {
  override readonly name = 'MigrationLockedError'
  readonly code = 'MIGRATION_LOCKED'
  readonly schema: string
  /** Who holds it, e.g. `process 4711 (shop) from 10.0.0.7`. */
  readonly holder: string

  constructor (schema: string, holder: string, cause: unknown) {
    super(
      `the migrations of schema ${schema} are locked by ${holder}: wait until it is done, or end it with ` +
        'pg_terminate_backend()',
      { cause }
    )
    this.schema = schema
    this.holder = holder
  }
}
