/** Neither a dead letter nor a receipt has this id. */
export class JobNotFoundError extends Error {
  override readonly name = 'JobNotFoundError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'JOB_NOT_FOUND'
  readonly id: string

  constructor (id: string) {
    super(
      `there is no dead letter ${id}, and no job of that id is tracked: it waits, has succeeded, was never committed, ` +
        'or has been forgotten'
    )
    this.id = id
  }
}

/** The database has no tables of jobs. */
export class NoJobTablesError extends Error {
  override readonly name = 'NoJobTablesError'
  readonly code = 'NO_JOB_TABLES'

  constructor (schema: string | undefined) {
    const where = schema === undefined ? '' : ` in the schema "${schema}"`
    super(
      `the database has no tables of jobs${where}: start the service once, or say --schema or --database-url`
    )
  }
}
