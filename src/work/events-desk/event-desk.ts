import type { Pool } from 'pg'
import { HeldEvents } from '../consumers/index.ts'
import type { Outbox, Stall } from '../outbox/index.ts'
import { type DeskTables, deskTables } from './desk-tables.ts'
import { EventAudit } from './event-audit.ts'
import { type EventPlaces, findEvent, type ParkedPlace, parkedPlaces } from './event-places.ts'
import { lagOf, type LogReaderState, readersOf, type TypesOf } from './log-readers.ts'
import { type BuildRecord, projectionBuilds } from './projection-builds.ts'
import {
  type ConsumerRecord,
  consumersOf,
  type LogSpan,
  type RelayRecord,
  relaysOf,
  spanOf,
} from './summaries.ts'

export interface EventDeskOptions {
  /** Yours to close. */
  readonly outbox: Outbox
  readonly schema: string
  /** Where the definitions are known: what readers take. @default all types */
  readonly typesOf?: TypesOf
}

/**
 * How the events of a service stand, for people and their tools, from the database alone: neither the service nor its
 * definitions are needed. Looking changes nothing.
 */
export class EventDesk {
  readonly outbox: Outbox
  /** What consumers hold; ask `consumers` first, whether there are any. */
  readonly held: HeldEvents
  readonly audit: EventAudit
  readonly #pool: Pool
  readonly #tables: DeskTables
  readonly #typesOf: TypesOf

  constructor ({ outbox, schema, typesOf = () => undefined }: EventDeskOptions) {
    this.outbox = outbox
    this.held = new HeldEvents(outbox.pool, schema)
    this.audit = new EventAudit(outbox.pool, schema)
    this.#pool = outbox.pool
    this.#tables = deskTables(schema)
    this.#typesOf = typesOf
  }

  span (): Promise<LogSpan> {
    return spanOf(this.outbox)
  }

  stall (): Promise<Stall | undefined> {
    return this.outbox.stall()
  }

  readers (): Promise<readonly LogReaderState[]> {
    return readersOf(this.outbox, this.#typesOf)
  }

  relays (): Promise<readonly RelayRecord[]> {
    return relaysOf(this.outbox)
  }

  consumers (): Promise<readonly ConsumerRecord[]> {
    return consumersOf(this.#pool, this.#tables)
  }

  /** Builds of all projections, each with how old the first event is that it could apply. */
  async builds (): Promise<readonly (BuildRecord & { readonly lagMs: number | undefined })[]> {
    const builds = await projectionBuilds(this.#pool, this.#tables)
    return await Promise.all(builds.map(async (build) => ({
      ...build,
      lagMs: await lagOf(
        this.outbox,
        build.position,
        undefined,
        this.#typesOf('projection', build.projection)
      ),
    })))
  }

  /** @param id a UUID */
  find (id: string): Promise<EventPlaces | undefined> {
    return findEvent(this.outbox, this.#tables, id)
  }

  /** @param id a UUID */
  parked (id: string): Promise<readonly ParkedPlace[]> {
    return parkedPlaces(this.outbox, id)
  }
}
