import type { Pool } from 'pg'
import { consumerTables } from './tables.ts'

/**
 * Finds events whose handling ends the process. The first events of a shard whose last process did not leave in order are
 * handed out one at a time, each noted before: should the process end again, the next one knows at which event.
 */
export class ShardTrials {
  readonly #pool: Pool
  readonly #table: string

  /** @param schema that of the service; the first of the search path when `undefined` */
  constructor (pool: Pool, schema: string | undefined) {
    this.#pool = pool
    this.#table = consumerTables(schema).trial
  }

  /** A process takes a shard over. @returns what its last process left, if that did not leave in order */
  async begin (place: string): Promise<Suspicion | undefined> {
    const { rows: [row] } = await this.#pool.query<
      { was_running: boolean; event: string | null; tries: number }
    >(
      `INSERT INTO ${this.#table} AS mine (place) VALUES ($1)
        ON CONFLICT (place) DO UPDATE SET was_running = mine.is_running, is_running = true
        RETURNING was_running, event, tries`,
      [place]
    )
    return row?.was_running === true ? { event: row.event ?? undefined, tries: row.tries } : undefined
  }

  /** An event is about to be handed out, alone. @returns how often it has been before */
  async note (place: string, event: string): Promise<number> {
    const { rows: [row] } = await this.#pool.query<{ tries: number }>(
      `UPDATE ${this.#table} SET tries = CASE WHEN event = $2 THEN tries + 1 ELSE 1 END, event = $2
        WHERE place = $1 RETURNING tries`,
      [place, event]
    )
    return (row?.tries ?? 1) - 1
  }

  /** The process leaves in order. */
  async end (place: string): Promise<void> {
    await this.#pool.query(`UPDATE ${this.#table} SET is_running = false WHERE place = $1`, [place])
  }
}

/** What is known of how a process ended. */
export interface Suspicion {
  /** The event that was handed out alone when it ended, if one was. */
  readonly event: string | undefined
  /** How often that event has been handed out alone. */
  readonly tries: number
}
