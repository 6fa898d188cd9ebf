import type { Pool } from 'pg'
import type { Transaction } from '../../data/index.ts'
import { type LogPosition, logPosition, logStart } from '../events/index.ts'
import type { LogCheckpoint, LogCheckpoints } from './outbox-log.ts'
import type { OutboxNames } from './outbox-names.ts'

interface ReaderRow {
  readonly name: string
  readonly epoch: number
  readonly xid: string
  readonly position: string
  readonly token: string
  readonly saved_ms: number
}

const columns = `name, epoch, xid::text, position::text, token::text,
  (extract(epoch FROM saved_at) * 1000)::float8 AS saved_ms`

/** Checkpoints in a table beside the log: one row each, moved by updates that change no index. */
export class PostgresCheckpoints implements LogCheckpoints {
  readonly #pool: Pool
  readonly #names: OutboxNames
  readonly #ends: Readonly<Record<'start' | 'head', () => Promise<LogPosition>>>

  /** @param ends where the log begins and ends by now */
  constructor (
    pool: Pool,
    names: OutboxNames,
    ends: { tail(): Promise<LogPosition | undefined>; head(): Promise<LogPosition> }
  ) {
    this.#pool = pool
    this.#names = names
    this.#ends = { start: async () => await ends.tail() ?? logStart, head: () => ends.head() }
  }

  async open (name: string, from: 'start' | 'head' | LogPosition): Promise<LogCheckpoint> {
    const known = await this.#find(name)
    if (known !== undefined) return known
    const { epoch, xid, position } = typeof from === 'string' ? await this.#ends[from]() : from
    await this.#pool.query(
      `INSERT INTO ${this.#names.readers} (name, epoch, xid, position) VALUES ($1, $2, $3, $4)
        ON CONFLICT (name) DO NOTHING`,
      [name, epoch, xid, position]
    )
    return await this.open(name, from)
  }

  async save (tx: Transaction, name: string, to: LogPosition, token: bigint): Promise<boolean> {
    const text = `UPDATE ${this.#names.readers}
      SET epoch = $2, xid = $3, position = $4, token = $5, saved_at = now() WHERE name = $1 AND token <= $5`
    const values = [name, to.epoch, to.xid, to.position, token]
    const { rowCount } = await tx.query({ name: this.#names.statement(text), text, values })
    return rowCount === 1
  }

  async remove (name: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query(`DELETE FROM ${this.#names.readers} WHERE name = $1`, [name])
    return rowCount === 1
  }

  async list (): Promise<readonly LogCheckpoint[]> {
    const text = `SELECT ${columns} FROM ${this.#names.readers} ORDER BY name`
    return (await this.#pool.query<ReaderRow>(text)).rows.map(checkpointOf)
  }

  async #find (name: string): Promise<LogCheckpoint | undefined> {
    const text = `SELECT ${columns} FROM ${this.#names.readers} WHERE name = $1`
    const { rows: [row] } = await this.#pool.query<ReaderRow>(text, [name])
    return row === undefined ? undefined : checkpointOf(row)
  }
}

function checkpointOf (row: ReaderRow): LogCheckpoint {
  return {
    name: row.name,
    position: logPosition(row.epoch, row.xid, row.position),
    token: row.token,
    savedAtMs: row.saved_ms,
  }
}
