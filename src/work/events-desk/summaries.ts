import type { Pool } from 'pg'
import type { LogPosition } from '../events/index.ts'
import type { Outbox } from '../outbox/index.ts'
import { type DeskTables, isThere } from './desk-tables.ts'

/** A relay that has run, with what it has set aside. */
export interface RelayRecord {
  readonly name: string
  /** Processes that have said within the last 10 s that they run it. */
  readonly processes: number
  /** Keys that stand still: the first of their events has been refused for good. */
  readonly parkedKeys: number
  /** Events of those keys, and of those that are tried again. */
  readonly parkedEvents: number
}

/** A consumer that has run, with what it holds. */
export interface ConsumerRecord {
  readonly name: string
  /** Keys with a dead letter, which wait for somebody. */
  readonly deadKeys: number
  readonly retryingKeys: number
}

/** What the log has. */
export interface LogSpan {
  /** Up to here all can be read. */
  readonly head: LogPosition
  /** Up to and with here events have been dropped; `undefined` while the log is whole. */
  readonly tail: LogPosition | undefined
  /** When the oldest event was written that is kept, and the latest; `undefined` for an empty log. */
  readonly oldestAtMs: number | undefined
  readonly latestAtMs: number | undefined
}

export async function spanOf (outbox: Outbox): Promise<LogSpan> {
  const { pool, names } = outbox
  const end = (order: string): string =>
    `(SELECT floor(extract(epoch FROM created_at) * 1000)::float8 FROM ${names.log}
      ORDER BY epoch ${order}, xid ${order}, position ${order} LIMIT 1)`
  const [head, tail, { rows: [ends] }] = await Promise.all([
    outbox.head(),
    outbox.tail(),
    pool.query<{ oldest: number | null; latest: number | null }>(
      `SELECT ${end('ASC')} AS oldest, ${end('DESC')} AS latest`
    ),
  ])
  return { head, tail, oldestAtMs: ends?.oldest ?? undefined, latestAtMs: ends?.latest ?? undefined }
}

export async function relaysOf ({ pool, names }: Outbox): Promise<readonly RelayRecord[]> {
  const { rows } = await pool.query<RelayRecord>(
    `SELECT relay AS name,
      (SELECT count(*)::int FROM ${names.members} AS member
        WHERE member.relay = known.relay AND seen_at >= now() - interval '10 s') AS processes,
      (SELECT count(*) FILTER (WHERE error IS NOT NULL)::int FROM ${names.parked} AS parked
        WHERE parked.relay = known.relay) AS "parkedKeys",
      (SELECT count(*)::int FROM ${names.parked} AS parked WHERE parked.relay = known.relay) AS "parkedEvents"
    FROM (SELECT relay FROM ${names.relays} UNION SELECT relay FROM ${names.parked}) AS known ORDER BY relay`
  )
  return rows
}

export async function consumersOf (
  pool: Pool,
  { consumer, heldKey }: DeskTables
): Promise<readonly ConsumerRecord[]> {
  if (!await isThere(pool, consumer)) return []
  const { rows } = await pool.query<ConsumerRecord>(
    `SELECT name, count(*) FILTER (WHERE held.dead)::int AS "deadKeys",
      count(*) FILTER (WHERE NOT held.dead)::int AS "retryingKeys"
    FROM (SELECT name FROM ${consumer} UNION SELECT consumer FROM ${heldKey}) AS known
    LEFT JOIN ${heldKey} AS held ON held.consumer = known.name GROUP BY name ORDER BY name`
  )
  return rows
}
