import type { Pool } from 'pg'
import { quoteIdentifier } from '../../engines/index.ts'
import type { Service } from '../../serve/service/index.ts'
import { EventDesk } from '../../work/events-desk/index.ts'
import { openOutbox, type Outbox } from '../../work/outbox/index.ts'
import type { Arguments } from '../command.ts'
import { withServiceDatabase } from '../service-database.ts'
import type { Surroundings } from '../surroundings.ts'
import { NoOutboxError } from './errors.ts'

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
  return await withServiceDatabase(given, surroundings, {
    command: 'events',
    kept: 'events',
    progress,
    needsDefinitions,
  }, async ({ pool, schema, service }) => {
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
  })
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
