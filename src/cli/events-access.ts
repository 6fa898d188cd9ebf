import type { Pool } from 'pg'
import { postgresEngine, quoteIdentifier } from '../engines/index.ts'
import { loadService, type Service } from '../serve/service/index.ts'
import { EventDesk } from '../work/events-desk/index.ts'
import { openOutbox, type Outbox } from '../work/outbox/index.ts'
import type { Arguments } from './command.ts'
import { EmbeddedDatabase } from './embedded-database.ts'
import { UsageError } from './errors.ts'
import { NoOutboxError } from './events-errors.ts'
import { findModule, settle } from './settle.ts'
import type { Surroundings } from './surroundings.ts'

/** The events of a service, without the service. */
export interface EventsAccess {
  readonly pool: Pool
  readonly schema: string
  readonly outbox: Outbox
  readonly desk: EventDesk
  /** `undefined` where no module was needed. */
  readonly service: Service | undefined
}

/** Connects to the database of the settings and gives its events to `work`; closes all of it again. */
export async function withEvents<Result> (
  given: Arguments,
  surroundings: Surroundings,
  { progress, needsDefinitions }: {
    readonly progress: (message: string) => void
    readonly needsDefinitions: boolean
  },
  work: (access: EventsAccess) => Promise<Result>
): Promise<Result> {
  const service = await serviceOf(given, surroundings, needsDefinitions)
  const schema = schemaOf(given, service)
  await using database = new EmbeddedDatabase({ progress, note: progress })
  const { settings } = await database.provide(await settle(given, surroundings, 'dev'))
  const { url } = settings.database
  if (url === undefined) throw new UsageError('say which database: --database-url URL')
  const engine = postgresEngine({ url, poolSize: 4, applicationName: 'plimsoll events', schema })
  try {
    const pool = await engine.connect()
    await checkOutbox(pool, schema)
    await using outbox = await openOutbox({ pool, schema })
    const typesOf = (kind: string, name: string): readonly string[] | undefined => {
      const readers = kind === 'consumer' ?
        service?.consumers :
        kind === 'projection' ?
        service?.projections :
        []
      return readers?.find((reader) => reader.name === name)?.types
    }
    return await work({ pool, schema, outbox, desk: new EventDesk({ outbox, schema, typesOf }), service })
  } finally {
    await engine.close()
  }
}

/** A command that only looks makes no tables, and begins no epoch. */
async function checkOutbox (pool: Pool, schema: string): Promise<void> {
  const state = `${quoteIdentifier(schema)}.plimsoll_outbox_state`
  const { rows: [found] } = await pool.query<{ there: boolean; standby: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS there, pg_is_in_recovery() AS standby',
    [state]
  )
  if (found?.there !== true) throw new NoOutboxError(schema, 'missing')
  if (found.standby) throw new NoOutboxError(schema, 'standby')
  const { rows: [here] } = await pool.query<{ own: boolean }>(
    `SELECT cluster = (SELECT system_identifier FROM pg_control_system()) AS own FROM ${state}`
  )
  if (here?.own !== true) throw new NoOutboxError(schema, 'copy')
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
  throw new UsageError(`the service "${service?.name}" declares no database, so that it has no events`)
}
