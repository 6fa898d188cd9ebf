import type { Transaction } from '../../data/index.ts'
import { logPosition, type NewEvent, type WrittenEvent } from '../events/index.ts'
import { clusterNow, moveInTo } from './epoch.ts'
import type { OutboxNames } from './outbox-names.ts'

interface WrittenRow {
  readonly epoch: number
  readonly xid: string
  readonly position: string
  readonly created_ms: number
}

/** Writes events at the end of the log. */
export type Append = (tx: Transaction, events: readonly NewEvent[]) => Promise<readonly WrittenEvent[]>

export function appendTo (names: OutboxNames): Append {
  const columns = 'id, aggregatetype, aggregateid, type, version, payload, headers'
  const returning =
    'epoch, xid::text, position::text, (extract(epoch FROM created_at) * 1000)::float8 AS created_ms'
  // Where the server is not the one that the state tells of, there is nothing to select, and nothing is written.
  const here = `FROM (SELECT epoch, segment FROM ${names.state} WHERE cluster = ${clusterNow}) AS here`
  const one = `
    INSERT INTO ${names.log} (epoch, segment, ${columns})
    SELECT here.epoch, here.segment, $1::uuid, $2::text, $3::text, $4::text, $5::integer, $6::json, $7::json ${here}
    RETURNING ${returning}`
  const many = `
    INSERT INTO ${names.log} (epoch, segment, ${columns})
    SELECT here.epoch, here.segment, ${columns} ${here}, (
      SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::json[], $7::json[])
        WITH ORDINALITY AS event (${columns}, at) ORDER BY at
    ) AS event
    RETURNING ${returning}`
  async function insert (tx: Transaction, events: readonly NewEvent[]): Promise<readonly WrittenRow[]> {
    const fields = events.map((event) => [
      event.id,
      event.aggregateType,
      event.key,
      event.type,
      event.version,
      event.payload,
      JSON.stringify(event.headers),
    ])
    const isOne = fields.length === 1
    const text = isOne ? one : many
    const values = isOne ? fields[0]! : fields[0]!.map((_, column) => fields.map((row) => row[column]))
    const { rows } = await tx.query<WrittenRow>({ name: names.statement(text), text, values })
    return rows
  }

  return async function append (tx, events) {
    if (events.length === 0) return []
    let rows = await insert(tx, events)
    if (rows.length === 0) {
      await tx.query(moveInTo(names))
      rows = await insert(tx, events)
    }
    return events.map((event, at) => {
      const { epoch, xid, position, created_ms: createdMs } = rows[at]!
      return {
        ...event,
        position: logPosition(epoch, xid, position),
        occurredAtMs: Math.floor(createdMs),
      }
    })
  }
}
