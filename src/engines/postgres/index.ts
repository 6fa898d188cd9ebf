export { quoteIdentifier } from './identifier.ts'
export { postgresEngine, type PostgresEngineOptions } from './postgres-engine.ts'
