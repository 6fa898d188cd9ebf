export {
  embeddedPostgres,
  type EmbeddedPostgresOptions,
  type EmbeddedServer,
  EmbeddedUnavailableError,
} from './embedded/index.ts'
export { type Engine } from './engine.ts'
export { EngineClosedError, EngineMissingError, EngineUnavailableError } from './errors.ts'
export { postgresEngine, type PostgresEngineOptions, quoteIdentifier } from './postgres/index.ts'
