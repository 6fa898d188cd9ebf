import type { Pool } from 'pg'
import { comparePositions, type LogPosition, logStart, parsePosition } from '../events/index.ts'
import { clusterNow, lowestRunning, moveInTo } from './epoch.ts'
import { LogTruncatedError } from './errors.ts'
import type { LogBatch, LoggedMessage, LogRead } from './outbox-log.ts'
import type { OutboxNames } from './outbox-names.ts'

interface LogRow {
  readonly fence_epoch: number
  readonly fence_xid: string
  readonly tail: string | null
  readonly now_ms: number
  /** Null, as all that follows, where there was nothing to read. */
  readonly epoch: number | null
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
}

/** A batch, and what the server's clock said. */
export interface TimedBatch extends LogBatch {
  readonly serverMs: number
}

/**
 * Reads the log in its order, in one statement with the fence: what the statement sees as finished, and nothing that was
 * written behind the lowest transaction it sees running.
 */
export class LogReader {
  readonly #pool: Pool
  readonly #names: OutboxNames
  readonly #texts: Map<string, string> = new Map()

  constructor (pool: Pool, names: OutboxNames) {
    this.#pool = pool
    this.#names = names
  }

  async read (read: LogRead): Promise<TimedBatch> {
    const { after = logStart, limit, upTo, types, shard, aggregate } = read
    const values: unknown[] = [after.epoch, after.xid, after.position, limit]
    const conditions: string[] = []
    const add = (value: unknown): string => `$${values.push(value)}`
    if (upTo !== undefined) {
      const place = [add(upTo.epoch), add(upTo.xid), add(upTo.position)]
      conditions.push(
        `(log.epoch, log.xid, log.position) <= (${place[0]}::integer, ${place[1]}::bigint, ${
          place[2]
        }::bigint)`
      )
    }
    if (types !== undefined) conditions.push(`log.type = ANY (${add(types)}::text[])`)
    if (shard !== undefined)
      conditions.push(`${shardOf('log.aggregateid', add(shard.of))} = ${add(shard.at)}::integer`)
    if (aggregate !== undefined) {
      conditions.push(
        `log.aggregatetype = ${add(aggregate.aggregateType)} AND log.aggregateid = ${add(aggregate.key)}`
      )
    }
    const text = this.#text(conditions)
    const { rows } = await this.#pool.query<LogRow>({ name: this.#names.statement(text), text, values })
    const [first] = rows
    if (first === undefined) {
      await this.#pool.query(moveInTo(this.#names))
      return await this.read(read)
    }
    return batchOf(rows, first, read)
  }

  #text (conditions: readonly string[]): string {
    const key = conditions.join(' ')
    let text = this.#texts.get(key)
    if (text === undefined) {
      text = `
        WITH here AS MATERIALIZED (
          SELECT epoch, ${lowestRunning} AS xmin,
            tail_epoch || '.' || tail_xid || '.' || tail_position AS tail
          FROM ${this.#names.state} WHERE cluster = ${clusterNow}
        )
        SELECT here.epoch AS fence_epoch, here.xmin::text AS fence_xid, here.tail,
          (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms, event.*
        FROM here LEFT JOIN LATERAL (
          SELECT log.epoch, log.xid::text, log.position::text, log.id, log.aggregatetype, log.aggregateid, log.type,
            log.version, log.payload::text, log.headers::text,
            (extract(epoch FROM log.created_at) * 1000)::float8 AS created_ms
          FROM ${this.#names.log} AS log
          WHERE (log.epoch, log.xid, log.position) > ($1::integer, $2::bigint, $3::bigint)
            AND (log.epoch, log.xid) < (here.epoch, here.xmin)
            ${conditions.map((condition) => `AND ${condition}`).join(' ')}
          ORDER BY log.epoch, log.xid, log.position LIMIT $4
        ) AS event ON true`
      this.#texts.set(key, text)
    }
    return text
  }
}

/**
 * The shard of a key, of `of`. Which hash it is does not matter, as long as all who share the work use the same one: a
 * relay keeps a probe of it beside its checkpoints.
 */
export function shardOf (key: string, of: string): string {
  return `mod(hashtextextended(${key}, 0) & 9223372036854775807, ${of}::bigint)`
}

function batchOf (rows: readonly LogRow[], first: LogRow, { after, upTo, limit }: LogRead): TimedBatch {
  const fence: LogPosition = { epoch: first.fence_epoch, xid: BigInt(first.fence_xid), position: 0n }
  const tail = first.tail === null ? undefined : parsePosition(first.tail)
  if (after !== undefined && tail !== undefined && comparePositions(after, tail) < 0)
    throw new LogTruncatedError(after, tail)
  const messages = first.epoch === null ? [] : rows.map(messageOf)
  const more = messages.length === limit
  const end = upTo !== undefined && comparePositions(upTo, fence) < 0 ? upTo : fence
  const start = after ?? logStart
  return {
    messages,
    // A reader may be past the fence: that of a time when fewer transactions ran.
    next: more ? messages.at(-1)!.position : comparePositions(start, end) > 0 ? start : end,
    more,
    fence,
    serverMs: first.now_ms,
  }
}

function messageOf (row: LogRow): LoggedMessage {
  return {
    id: row.id,
    type: row.type,
    version: row.version,
    aggregateType: row.aggregatetype,
    key: row.aggregateid,
    payload: row.payload,
    headers: JSON.parse(row.headers) as Readonly<Record<string, string>>,
    occurredAtMs: Math.floor(row.created_ms),
    position: { epoch: row.epoch!, xid: BigInt(row.xid), position: BigInt(row.position) },
  }
}
