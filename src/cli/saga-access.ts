import type { Pool } from 'pg'
import { postgresEngine } from '../engines/index.ts'
import { loadService, type Service } from '../serve/service/index.ts'
import { MetricsRegistry } from '../telemetry/index.ts'
import { openJobs } from '../work/jobs/index.ts'
import { openSagas, type Sagas } from '../work/saga/index.ts'
import type { Arguments } from './command.ts'
import { EmbeddedDatabase } from './embedded-database.ts'
import { UsageError } from './errors.ts'
import { findModule, settle } from './settle.ts'
import type { Surroundings } from './surroundings.ts'

/** The sagas of a service, without the service. */
export interface SagaAccess {
  readonly pool: Pool
  readonly sagas: Sagas
}

/**
 * Connects to the database of the settings and gives its sagas to `work`; closes all of it again. What `work` has sagas
 * do is put into their queues, for the service's workers.
 */
export async function withSagas<Result> (
  given: Arguments,
  surroundings: Surroundings,
  { progress, needsDefinitions }: {
    readonly progress: (message: string) => void
    readonly needsDefinitions: boolean
  },
  work: (access: SagaAccess) => Promise<Result>
): Promise<Result> {
  const service = await serviceOf(given, surroundings, needsDefinitions)
  const schema = schemaOf(given, service)
  await using database = new EmbeddedDatabase({ progress, note: progress })
  const { settings } = await database.provide(await settle(given, surroundings, 'dev'))
  const { url } = settings.database
  if (url === undefined) throw new UsageError('say which database: --database-url URL')
  const engine = postgresEngine({ url, poolSize: 4, applicationName: 'plimsoll saga', schema })
  try {
    const pool = await engine.connect()
    await checkTables(pool, schema)
    const registry = new MetricsRegistry()
    await using sagas = await openSagas({
      pool,
      sagas: service?.sagas ?? [],
      schema,
      registry,
      announces: false,
    })
    if (sagas.jobs.length === 0) return await work({ pool, sagas })
    await using _jobs = await openJobs({ pool, jobs: sagas.jobs, schema, registry })
    return await work({ pool, sagas })
  } finally {
    await engine.close()
  }
}

/** A command that only looks makes no tables. */
async function checkTables (pool: Pool, schema: string): Promise<void> {
  const { rows: [found] } = await pool.query<{ there: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'plimsoll_saga') AS there`,
    [schema]
  )
  if (found?.there === true) return
  throw new UsageError(
    `the database has no tables of sagas in the schema "${schema}": start the service once, or say --schema or ` +
      '--database-url'
  )
}

/** The module, where it is needed: to know the schema, or to know the definitions. */
async function serviceOf (
  given: Arguments,
  surroundings: Surroundings,
  needsDefinitions: boolean
): Promise<Service | undefined> {
  const { module, schema } = given.options
  if (module === undefined && schema !== undefined && !needsDefinitions) return undefined
  const operand = module === undefined ? undefined : String(module)
  return await loadService(findModule({ ...given, operand }, surroundings))
}

function schemaOf ({ options: { schema } }: Arguments, service: Service | undefined): string {
  if (schema !== undefined) return String(schema)
  if (service?.database !== undefined) return service.database.schema
  throw new UsageError(`the service "${service?.name}" declares no database, so that it has no sagas`)
}
