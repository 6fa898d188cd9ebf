import type { Pool } from 'pg'
import { uuidOf } from '../../kernel/index.ts'
import {
  comparePositions,
  type EventMessage,
  type LogPosition,
  logPosition,
  parsePosition,
} from '../events/index.ts'
import type { Outbox } from '../outbox/index.ts'
import { type DeskTables, isThere } from './desk-tables.ts'
import { currentParts, type ReaderKind } from './log-readers.ts'

/** An event that a relay has set aside. */
export interface ParkedPlace {
  readonly relay: string
  readonly message: EventMessage
  /** What the broker said; `undefined` for one that only waits behind another, or for its next try. */
  readonly error: string | undefined
  readonly attempts: number
}

/** An event that a consumer has set aside. */
export interface HeldPlace {
  readonly consumer: string
  readonly key: string
  readonly message: EventMessage
  readonly dead: boolean
  /** Events of the key that wait before it. */
  readonly before: number
}

/** What one reader of the log has done with an event. */
export interface ReaderPlace {
  readonly kind: ReaderKind
  readonly name: string
  readonly build: number | undefined
  /** Its place in the log is behind the event, whether it takes events of this type or not. */
  readonly passed: boolean
}

/** Where an event is. */
export interface EventPlaces {
  readonly message: EventMessage
  /** Whether the log still has it. */
  readonly logged: boolean
  /** Whether readers can have it by now: no older transaction holds it back. */
  readonly readable: boolean
  readonly readers: readonly ReaderPlace[]
  readonly parked: readonly ParkedPlace[]
  readonly held: readonly HeldPlace[]
  /** Consumers that are done with it: they have handled or discarded it, or, where `held` says so, set it aside. */
  readonly taken: readonly string[]
}

interface EventRow {
  readonly epoch: number
  readonly xid: string
  readonly position: string
  readonly id: string
  readonly aggregatetype: string
  readonly aggregateid: string
  readonly type: string
  readonly version: number
  readonly payload: string
  readonly headers: Readonly<Record<string, string>>
  readonly created_ms: number
}

const columns =
  `epoch, xid::text, position::text, id, aggregatetype, aggregateid, type, version, payload::text, headers,
  (extract(epoch FROM created_at) * 1000)::float8 AS created_ms`

/**
 * Looks for an event in the log, among what relays have parked, and among what consumers hold. The log has no index of
 * ids: all of it is read in the worst case.
 *
 * @param id a UUID; what another program has sent to a broker, and a consumer holds, may have any other
 * @returns `undefined` when it is nowhere
 */
export async function findEvent (
  outbox: Outbox,
  tables: DeskTables,
  id: string
): Promise<EventPlaces | undefined> {
  const [row, parked, { held, taken }, head] = await Promise.all([
    loggedRow(outbox, id),
    parkedPlaces(outbox, id),
    heldPlaces(outbox.pool, tables, uuidOf(id) ?? id),
    outbox.head(),
  ])
  const logged = row === undefined ? undefined : messageOf(row)
  const message = logged ?? parked[0]?.message ?? held[0]?.message
  if (message === undefined) return undefined
  const readable = logged === undefined || comparePositions(logged.position, head) < 0
  return {
    message,
    logged: logged !== undefined,
    readable,
    readers: logged !== undefined && readable ? await readerPlaces(outbox, logged.position) : [],
    parked,
    held,
    taken,
  }
}

async function loggedRow ({ pool, names }: Outbox, id: string): Promise<EventRow | undefined> {
  if (uuidOf(id) === undefined) return undefined
  return (await pool.query<EventRow>(`SELECT ${columns} FROM ${names.log} WHERE id = $1 LIMIT 1`, [id]))
    .rows[0]
}

export async function parkedPlaces ({ pool, names }: Outbox, id: string): Promise<readonly ParkedPlace[]> {
  if (uuidOf(id) === undefined) return []
  const { rows } = await pool.query<EventRow & { relay: string; error: string | null; attempts: number }>(
    `SELECT relay, error, attempts, ${columns} FROM ${names.parked} WHERE id = $1 ORDER BY relay`,
    [id]
  )
  return rows.map(({ relay, error, attempts, ...row }) => ({
    relay,
    message: messageOf(row),
    error: error ?? undefined,
    attempts,
  }))
}

async function heldPlaces (
  pool: Pool,
  { consumer, inbox, heldKey, heldMessage }: DeskTables,
  id: string
): Promise<Pick<EventPlaces, 'held' | 'taken'>> {
  if (!await isThere(pool, consumer)) return { held: [], taken: [] }
  const [{ rows: held }, { rows: taken }] = await Promise.all([
    pool.query<{ consumer: string; key: string; message: string; dead: boolean; before: number }>(
      `SELECT consumer, key, message, held.dead,
        (SELECT count(*)::int FROM ${heldMessage} AS earlier
          WHERE earlier.consumer = mine.consumer AND earlier.key = mine.key AND earlier.seq < mine.seq) AS before
      FROM ${heldMessage} AS mine JOIN ${heldKey} AS held USING (consumer, key)
      WHERE message::json ->> 'id' = $1 ORDER BY consumer`,
      [id]
    ),
    pool.query<{ name: string }>(
      `SELECT name FROM ${consumer} JOIN ${inbox} USING (incarnation) WHERE id = $1::uuid ORDER BY name`,
      [uuidOf(id) ?? null]
    ),
  ])
  return {
    held: held.map(({ message, ...place }) => ({ ...place, message: readMessage(message) })),
    taken: taken.map(({ name }) => name),
  }
}

/** Of each reader the part that has the event's key: the only one of its parts that reads it. */
async function readerPlaces (outbox: Outbox, position: LogPosition): Promise<readonly ReaderPlace[]> {
  const after = { ...position, position: position.position - 1n }
  const parts = await currentParts(outbox)
  const places = await Promise.all(parts.map(async ({ kind, name, build, shard, checkpoint }) => {
    const isMine = shard === undefined ||
      (await outbox.read({ after, upTo: position, limit: 1, shard })).messages.length > 0
    return isMine ?
      [{ kind, name, build, passed: comparePositions(checkpoint.position, position) >= 0 }] :
      []
  }))
  return places.flat()
}

function messageOf (row: EventRow): EventMessage & { readonly position: LogPosition } {
  return {
    id: row.id,
    type: row.type,
    version: row.version,
    aggregateType: row.aggregatetype,
    key: row.aggregateid,
    payload: row.payload,
    headers: row.headers,
    occurredAtMs: Math.floor(row.created_ms),
    position: logPosition(row.epoch, row.xid, row.position),
  }
}

/** A held message is kept as text, its position in the text's own form. */
function readMessage (text: string): EventMessage {
  const { position, ...message } = JSON.parse(text) as Omit<EventMessage, 'position'> & { position?: string }
  const place = position === undefined ? undefined : parsePosition(position)
  return place === undefined ? message : { ...message, position: place }
}
