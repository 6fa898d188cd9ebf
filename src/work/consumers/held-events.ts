import type { Pool } from 'pg'
import { transaction } from '../../data/index.ts'
import { type EventMessage, formatPosition, type LogPosition } from '../events/index.ts'
import type { JobFailure } from '../jobs/failure/index.ts'
import { type ConsumerStatements, consumerStatements } from './consumer-sql.ts'
import { readMessage } from './message-text.ts'

/** An event as `app.consumers` tells it: its place in the log is a text (`formatPosition`), so that JSON can hold it. */
export interface HeldEvent extends Omit<EventMessage, 'position'> {
  readonly position?: string
}

/** A key whose events wait. */
export interface HeldKey<Message = EventMessage> {
  /** Aggregate type and key, as `orderingKey` makes it. */
  readonly key: string
  /** `retrying`: its oldest event is tried again; `dead`: somebody must redrive or discard it. */
  readonly state: 'retrying' | 'dead'
  /** The event that could not be handled. */
  readonly oldest: Message
  /** Tries that the oldest event has had. */
  readonly attempts: number
  /** Events of the key that wait, the oldest with them. */
  readonly events: number
  readonly heldSinceMs: number
  /** When it is tried again; `undefined` for a dead one. */
  readonly dueAtMs: number | undefined
  /** Of the last try. */
  readonly failure: JobFailure
}

export interface HeldQuery {
  /** Only this key. */
  readonly key?: string
  /** Keys after this one: the last of the page before. */
  readonly after?: string
  /** @default 100 */
  readonly limit?: number
}

interface HeldRow {
  readonly key: string
  readonly dead: boolean
  readonly attempts: number
  readonly held_at: Date
  readonly due_at: Date
  readonly failure: JobFailure
  readonly messages: number
  readonly oldest: string | null
}

/** The events that consumers could not handle, for people and their tools. */
export class HeldEvents {
  readonly #pool: Pool
  readonly #sql: ConsumerStatements

  constructor (pool: Pool, schema: string | undefined) {
    this.#pool = pool
    this.#sql = consumerStatements(schema)
  }

  /** Keys that wait, in the order of their names. */
  async list (consumer: string, { key, after, limit = 100 }: HeldQuery = {}): Promise<readonly HeldKey[]> {
    const { rows } = await this.#pool.query<HeldRow>({
      ...this.#sql.list,
      values: [consumer, after ?? null, limit, key ?? null],
    })
    return rows.flatMap((row) => row.oldest === null ? [] : [heldKey(row, row.oldest)])
  }

  /**
   * Has dead letters tried again, and then the rest of their keys, in order; as if they had never been tried.
   *
   * @param key only this one. @default all of the consumer
   * @returns how many keys
   */
  async redrive (consumer: string, key?: string): Promise<number> {
    const { rowCount } = await this.#pool.query({ ...this.#sql.redrive, values: [consumer, key ?? null] })
    return rowCount ?? 0
  }

  /**
   * Gives up a dead letter: its effects never happen. What waits behind it is tried, in order.
   *
   * @returns what was given up; `undefined` when the key has no dead letter
   */
  async discard (consumer: string, key: string): Promise<EventMessage | undefined> {
    return await transaction(this.#pool, async (tx) => {
      const { rows: [row] } = await tx.query<{ message: string }>({
        ...this.#sql.discardOldest,
        values: [consumer, key],
      })
      if (row === undefined) return undefined
      await tx.query({ ...this.#sql.redrive, values: [consumer, key] })
      await tx.query({ ...this.#sql.release, values: [consumer, key] })
      return readMessage(row.message)
    })
  }

  /** Forgets held events that a replay brings again: those after `from`. */
  async forgetAfter (consumer: string, from: LogPosition | 'beginning'): Promise<void> {
    const place = from === 'beginning' ? [null, null, null] : [from.epoch, from.xid, from.position]
    await transaction(this.#pool, async (tx) => {
      await tx.query({ ...this.#sql.forgetAfter, values: [consumer, ...place] })
      await tx.query({ ...this.#sql.releaseEmpty, values: [consumer] })
    })
  }
}

export function heldEvent ({ position, ...message }: EventMessage): HeldEvent {
  return position === undefined ? message : { ...message, position: formatPosition(position) }
}

function heldKey (row: HeldRow, oldest: string): HeldKey {
  return {
    key: row.key,
    state: row.dead ? 'dead' : 'retrying',
    oldest: readMessage(oldest),
    attempts: row.attempts,
    events: row.messages,
    heldSinceMs: row.held_at.getTime(),
    dueAtMs: row.dead ? undefined : row.due_at.getTime(),
    failure: row.failure,
  }
}
