import type { Pool } from 'pg'
import { comparePositions, type LogPosition, logPosition, logStart, parsePosition } from '../events/index.ts'
import { moveInTo } from './epoch.ts'
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

  constructor (pool: Pool, names: OutboxNames) {
    this.#pool = pool
    this.#names = names
  }

  async read (read: LogRead): Promise<TimedBatch> {
    const { after = logStart, limit, upTo, types, shard, aggregate } = read
    const text = `SELECT * FROM ${this.#names.read}($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
    const values = [
      after.epoch,
      after.xid,
      after.position,
      upTo?.epoch,
      upTo?.xid,
      upTo?.position,
      types,
      shard?.of,
      shard?.at,
      aggregate?.aggregateType,
      aggregate?.key,
      limit,
    ]
    const { rows } = await this.#pool.query<LogRow>({ name: this.#names.statement(text), text, values })
    const [first] = rows
    if (first === undefined) {
      await this.#pool.query(moveInTo(this.#names))
      return await this.read(read)
    }
    return batchOf(rows, first, read)
  }

  /** Whether there is anything to read after `since`. */
  async hasNews (since: LogPosition): Promise<boolean> {
    const text = `SELECT xid IS NOT NULL AS news
      FROM ${this.#names.read}($1, $2, $3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1)`
    const values = [since.epoch, since.xid, since.position]
    const { rows: [row] } = await this.#pool.query<{ news: boolean }>({
      name: this.#names.statement(text),
      text,
      values,
    })
    // On a copy that has not moved in yet, reading does that.
    return row?.news ?? true
  }
}

function batchOf (rows: readonly LogRow[], first: LogRow, { after, upTo, limit }: LogRead): TimedBatch {
  const fence = logPosition(first.fence_epoch, first.fence_xid)
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
    position: logPosition(row.epoch!, row.xid, row.position),
  }
}
