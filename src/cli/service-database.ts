import type { Pool } from 'pg'
import { postgresEngine } from '../engines/index.ts'
import { loadService, type Service } from '../serve/service/index.ts'
import type { Arguments } from './command.ts'
import { EmbeddedDatabase } from './embedded-database.ts'
import { UsageError } from './errors.ts'
import { findModule, settle } from './settle.ts'
import type { Surroundings } from './surroundings.ts'

/** The database of a service, without the service. */
export interface ServiceDatabaseAccess {
  readonly pool: Pool
  readonly schema: string
  /** `undefined` where no module was needed. */
  readonly service: Service | undefined
}

export interface ServiceDatabaseNeeds {
  /** What is looked for in it, e.g. `sagas`; the command is named so in the database, too. */
  readonly command: string
  readonly kept: string
  readonly progress: (message: string) => void
  /** Whether the module is loaded even where `--schema` says all that the database needs. */
  readonly needsDefinitions: boolean
}

/** Connects to the database of the settings and gives it to `work`; closes all of it again. @throws UsageError */
export async function withServiceDatabase<Result> (
  given: Arguments,
  surroundings: Surroundings,
  { command, kept, progress, needsDefinitions }: ServiceDatabaseNeeds,
  work: (access: ServiceDatabaseAccess) => Promise<Result>
): Promise<Result> {
  const service = await serviceOf(given, surroundings, needsDefinitions)
  const schema = schemaOf(given, service, kept)
  await using database = new EmbeddedDatabase({ progress, note: progress })
  const { settings } = await database.provide(await settle(given, surroundings, 'dev'))
  const { url } = settings.database
  if (url === undefined) throw new UsageError('say which database: --database-url URL')
  const engine = postgresEngine({ url, poolSize: 4, applicationName: `plimsoll ${command}`, schema })
  try {
    return await work({ pool: await engine.connect(), schema, service })
  } finally {
    await engine.close()
  }
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

function schemaOf ({ options: { schema } }: Arguments, service: Service | undefined, kept: string): string {
  if (schema !== undefined) return String(schema)
  if (service?.database !== undefined) return service.database.schema
  throw new UsageError(`the service "${service?.name}" declares no database, so that it has no ${kept}`)
}
