export { embeddedPostgres, type EmbeddedPostgresOptions, type EmbeddedServer } from './embedded-postgres.ts'
export { EmbeddedUnavailableError } from './errors.ts'
