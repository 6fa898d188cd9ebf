import type { Pool } from 'pg'
import { quoteIdentifier } from '../../engines/index.ts'
import { type Transaction, transaction } from '../transaction/index.ts'
import type { BufferedWrite } from './write-parts.ts'

/** A write on its way to the log. */
export interface LoggedWrite {
  readonly key: string
  /** As JSON. */
  readonly json: string
}

/** The log table: writes that are committed and not yet applied. Its rows are in the order in which they were written. */
export class WriteLog<Value> {
  readonly #pool: Pool
  readonly #name: string
  readonly #schema: string | undefined
  readonly #table: string

  /** @param name of the buffer whose writes these are */
  constructor (pool: Pool, name: string, schema: string | undefined) {
    this.#pool = pool
    this.#name = name
    this.#schema = schema
    this.#table = `${schema === undefined ? '' : `${quoteIdentifier(schema)}.`}plimsoll_write_log`
  }

  async prepare (): Promise<void> {
    await transaction(this.#pool, async (tx) => {
      // Processes that start together would trip over each other.
      await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('plimsoll_write_log', 0))")
      if (this.#schema !== undefined)
        await tx.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(this.#schema)}`)
      await tx.query(`
        CREATE TABLE IF NOT EXISTS ${this.#table} (
          buffer text NOT NULL,
          id bigint GENERATED ALWAYS AS IDENTITY,
          key text NOT NULL,
          value json NOT NULL,
          PRIMARY KEY (buffer, id)
        )`)
    })
  }

  /** Commits writes, in their order. */
  async append (writes: readonly LoggedWrite[]): Promise<void> {
    await this.#pool.query({
      name: `plimsoll_write_log_append_${this.#schema ?? ''}`.slice(0, 63),
      text: `
        INSERT INTO ${this.#table} (buffer, key, value)
        SELECT $1, key, value FROM unnest($2::text[], $3::json[]) WITH ORDINALITY AS write (key, value, at) ORDER BY at`,
      values: [this.#name, writes.map(({ key }) => key), writes.map(({ json }) => json)],
    })
  }

  /**
   * Takes the oldest writes out and applies them, in one transaction: what is applied is not in the log any more, and the
   * reverse. Of several processes one does it at a time, so that writes to one key keep their order.
   *
   * @returns how many were taken; undefined when another process is at it
   */
  async drain (
    most: number,
    apply: (tx: Transaction, writes: readonly BufferedWrite<Value>[]) => Promise<void>
  ): Promise<number | undefined> {
    return transaction(this.#pool, async (tx) => {
      const { rows: [lock] } = await tx.query<{ free: boolean }>(
        'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 1)) AS free',
        [`${this.#table} ${this.#name}`]
      )
      if (lock?.free !== true) return undefined
      const { rows } = await tx.query<{ id: string; key: string; value: Value }>(
        `DELETE FROM ${this.#table} WHERE buffer = $1 AND id IN (
           SELECT id FROM ${this.#table} WHERE buffer = $1 ORDER BY id LIMIT $2
         ) RETURNING id, key, value`,
        [this.#name, most]
      )
      rows.sort((one, other) => Number(BigInt(one.id) - BigInt(other.id)))
      if (rows.length > 0) await apply(tx, rows)
      return rows.length
    })
  }
}
