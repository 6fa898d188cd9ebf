import type { Transaction } from '../../data/index.ts'
import { type EventMessage, logPosition } from '../events/index.ts'
import type { Outbox } from './open-outbox.ts'
import type { LoggedMessage, LogShard } from './outbox-log.ts'
import { shardOf } from './shard-of.ts'

/** An event that a relay has set aside. */
export interface ParkedEvent {
  readonly message: LoggedMessage
  /**
   * What the broker said to it. `undefined`: it is published as soon as the events of its key that came before it are
   * gone, and, if it is the first, with the next try.
   */
  readonly error: string | undefined
  /** How often it was refused while the broker took others. */
  readonly attempts: number
  readonly parkedAtMs: number
}

/** An event to be set aside, with what is known against it. */
export interface Parking {
  readonly message: LoggedMessage
  readonly error?: string
  readonly attempts: number
}

interface ParkedRow {
  readonly epoch: number
  readonly xid: string
  readonly position: string
  readonly id: string
  readonly aggregatetype: string
  readonly aggregateid: string
  readonly type: string
  readonly version: number
  readonly payload: string
  readonly headers: string
  readonly created_ms: number
  readonly error: string | null
  readonly attempts: number
  readonly parked_ms: number
}

const columns =
  `epoch, xid::text, position::text, id, aggregatetype, aggregateid, type, version, payload::text, headers::text,
  (extract(epoch FROM created_at) * 1000)::float8 AS created_ms, error, attempts,
  (extract(epoch FROM parked_at) * 1000)::float8 AS parked_ms`
const place = '(aggregatetype, aggregateid, epoch, xid, position)'

/**
 * What a relay has not published, and all that came behind it in its key: copies, so that the log can be dropped without
 * them. A key is parked while the first of its events here has an error; without one it waits for its next try.
 */
export class ParkedEvents {
  readonly #outbox: Outbox
  readonly #relay: string

  constructor (outbox: Outbox, relay: string) {
    this.#outbox = outbox
    this.#relay = relay
  }

  /** Events with an error, the oldest first: one for each key that stands still. */
  async list (limit = 100): Promise<readonly ParkedEvent[]> {
    const { pool, names } = this.#outbox
    const { rows } = await pool.query<ParkedRow>(
      `SELECT ${columns} FROM ${names.parked} AS parked WHERE relay = $1 AND error IS NOT NULL
        ORDER BY parked_at, parked.epoch, parked.xid, parked.position LIMIT $2`,
      [this.#relay, limit]
    )
    return rows.map(parkedOf)
  }

  /** Has the event tried again, and behind it the rest of its key. @returns whether there is such an event */
  async release (id: string): Promise<boolean> {
    const { pool, names } = this.#outbox
    const { rowCount } = await pool.query(
      `UPDATE ${names.parked} SET error = NULL, attempts = 0 WHERE relay = $1 AND id = $2 AND error IS NOT NULL`,
      [this.#relay, id]
    )
    return rowCount !== 0
  }

  /** Gives the event up; the rest of its key is published without it. @returns whether there was such an event */
  async discard (id: string): Promise<boolean> {
    const { pool, names } = this.#outbox
    const { rowCount } = await pool.query(
      `DELETE FROM ${names.parked} WHERE relay = $1 AND id = $2 AND error IS NOT NULL`,
      [this.#relay, id]
    )
    return rowCount !== 0
  }

  /** Keys of a shard that have events here, in pairs with whether the first of them is to be tried. */
  async keys (
    shard: LogShard
  ): Promise<readonly (Pick<EventMessage, 'aggregateType' | 'key'> & { readonly ready: boolean })[]> {
    const { pool, names } = this.#outbox
    const first = `SELECT aggregatetype, aggregateid, error IS NULL AS ready FROM ${names.parked}
      WHERE relay = $1`
    const order = 'ORDER BY aggregatetype, aggregateid, epoch, xid, position LIMIT 1'
    // From key to key along the index: a key that stands still may have very many events behind it.
    const { rows } = await pool.query<{ aggregatetype: string; aggregateid: string; ready: boolean }>(
      `WITH RECURSIVE parked AS (
        (${first} ${order})
        UNION ALL
        SELECT next.* FROM parked CROSS JOIN LATERAL (
          ${first} AND (aggregatetype, aggregateid) > (parked.aggregatetype, parked.aggregateid) ${order}
        ) AS next
      )
      SELECT aggregatetype, aggregateid, ready FROM parked WHERE ${
        shardOf('aggregateid', '$2')
      } = $3::integer`,
      [this.#relay, shard.of, shard.at]
    )
    return rows.map(({ aggregatetype, aggregateid, ready }) => ({
      aggregateType: aggregatetype,
      key: aggregateid,
      ready,
    }))
  }

  /** The first `limit` events of a key, in their order. */
  async of (
    { aggregateType, key }: Pick<EventMessage, 'aggregateType' | 'key'>,
    limit: number
  ): Promise<readonly ParkedEvent[]> {
    const { pool, names } = this.#outbox
    const { rows } = await pool.query<ParkedRow>(
      `SELECT ${columns} FROM ${names.parked} AS parked WHERE relay = $1 AND aggregatetype = $2 AND aggregateid = $3
        ORDER BY parked.epoch, parked.xid, parked.position LIMIT $4`,
      [this.#relay, aggregateType, key, limit]
    )
    return rows.map(parkedOf)
  }

  async add (tx: Transaction, parkings: readonly Parking[]): Promise<void> {
    const rows = parkings.map(({ message, error = null, attempts }) => {
      const { id, type, version, payload, headers, occurredAtMs } = message
      const own = [id, type, version, payload, JSON.stringify(headers), occurredAtMs, error, attempts]
      return [...placeOf(message), ...own]
    })
    await tx.query(
      `INSERT INTO ${this.#outbox.names.parked} (relay, aggregatetype, aggregateid, epoch, xid, position, id, type, version,
        payload, headers, created_at, error, attempts)
      SELECT $1, aggregatetype, aggregateid, epoch, xid, position, id, type, version, payload, headers,
        to_timestamp(at / 1000), error, attempts
      FROM unnest($2::text[], $3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::uuid[], $8::text[], $9::integer[],
        $10::json[], $11::json[], $12::float8[], $13::text[], $14::integer[])
        AS parking (aggregatetype, aggregateid, epoch, xid, position, id, type, version, payload, headers, at, error,
          attempts)
      ON CONFLICT DO NOTHING`,
      [this.#relay, ...columnsOf(rows, 13)]
    )
  }

  /** @param error `undefined`: it is tried again */
  async refused (tx: Transaction, { message }: ParkedEvent, error: string | undefined): Promise<void> {
    await tx.query(
      `UPDATE ${this.#outbox.names.parked} SET attempts = attempts + 1, error = $7
        WHERE relay = $1 AND ${place} = ($2, $3, $4, $5, $6)`,
      [this.#relay, ...placeOf(message), error]
    )
  }

  async published (tx: Transaction, events: readonly ParkedEvent[]): Promise<void> {
    await tx.query(
      `DELETE FROM ${this.#outbox.names.parked} AS parked
        USING unnest($2::text[], $3::text[], $4::integer[], $5::bigint[], $6::bigint[])
          AS gone (aggregatetype, aggregateid, epoch, xid, position)
        WHERE relay = $1 AND (parked.aggregatetype, parked.aggregateid, parked.epoch, parked.xid, parked.position)
          = (gone.aggregatetype, gone.aggregateid, gone.epoch, gone.xid, gone.position)`,
      [this.#relay, ...columnsOf(events.map(({ message }) => placeOf(message)), 5)]
    )
  }
}

/** Where a parked event stands, in the order of {@link place}. */
function placeOf ({ aggregateType, key, position }: LoggedMessage): readonly unknown[] {
  return [aggregateType, key, position.epoch, position.xid, position.position]
}

/** Rows as columns, for `unnest`. */
function columnsOf (rows: readonly (readonly unknown[])[], count: number): readonly unknown[][] {
  return Array.from({ length: count }, (_, column) => rows.map((row) => row[column]))
}

function parkedOf (row: ParkedRow): ParkedEvent {
  return {
    message: {
      id: row.id,
      type: row.type,
      version: row.version,
      aggregateType: row.aggregatetype,
      key: row.aggregateid,
      payload: row.payload,
      headers: JSON.parse(row.headers) as Readonly<Record<string, string>>,
      occurredAtMs: Math.floor(row.created_ms),
      position: logPosition(row.epoch, row.xid, row.position),
    },
    error: row.error ?? undefined,
    attempts: row.attempts,
    parkedAtMs: row.parked_ms,
  }
}
