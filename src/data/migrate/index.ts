export {
  MigrationEditedError,
  MigrationFailedError,
  MigrationFileError,
  MigrationLockedError,
  MigrationMissingError,
  MigrationOrderError,
} from './errors.ts'
export {
  migrate,
  type MigrateOptions,
  type MigrateProgress,
  type MigrateResult,
  readPending,
} from './migrate.ts'
export { splitStatements, type Statement } from './statements.ts'
