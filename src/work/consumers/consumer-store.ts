import type { Pool } from 'pg'
import type { Transaction } from '../../data/index.ts'
import { type EventMessage, orderingKey } from '../events/index.ts'
import type { JobFailure } from '../jobs/failure/index.ts'
import { type ConsumerStatements, consumerStatements } from './consumer-sql.ts'
import { ReplayedError } from './errors.ts'
import { inboxId } from './inbox-id.ts'
import { readMessage, writeMessage } from './message-text.ts'

/** Where a consumer stands: under which number its inbox is kept. A replay begins the next one. */
export interface ConsumerPlace {
  readonly incarnation: number
  /** Not yet, while what was begun before a replay may still be committed. */
  readonly settled: boolean
}

/** What to do with messages: each is in exactly one of the two, or has been handled before. */
export interface Entered {
  /** To be handled in this transaction. */
  readonly fresh: readonly EventMessage[]
  /** Put behind the others of their keys. */
  readonly parked: readonly EventMessage[]
}

/** The oldest message of a held key. */
export interface HeldHead {
  readonly seq: string
  readonly message: EventMessage
  /** Which try this is; the first one was when the message came. */
  readonly attempt: number
}

/** What becomes of a message that could not be handled. */
export interface Verdict {
  readonly dead: boolean
  /** Until the next try, in milliseconds. */
  readonly waitMs: number
  readonly failure: JobFailure
}

/** What one consumer keeps in the database. */
export class ConsumerStore {
  readonly pool: Pool
  readonly consumer: string
  readonly #sql: ConsumerStatements

  constructor (pool: Pool, consumer: string, schema: string | undefined) {
    this.pool = pool
    this.consumer = consumer
    this.#sql = consumerStatements(schema)
  }

  /**
   * Where the consumer stands; the first one to ask makes it.
   *
   * @param deadlineMs how long handling an event may take
   */
  async place (deadlineMs: number): Promise<ConsumerPlace> {
    for (;;) {
      const { rows: [row] } = await this.pool.query<ConsumerPlace>({
        ...this.#sql.place,
        values: [this.consumer, deadlineMs],
      })
      if (row !== undefined) return row
      await this.pool.query({ ...this.#sql.register, values: [this.consumer] })
    }
  }

  /**
   * Notes in the handler's transaction that messages are handled, each once: one that another process is at is waited
   * for. Messages of keys that are held are put behind the others of their key.
   *
   * @throws ReplayedError
   */
  async enter (tx: Transaction, incarnation: number, messages: readonly EventMessage[]): Promise<Entered> {
    const given = messages.map((message) => ({
      message,
      id: inboxId(message.id),
      key: orderingKey(message),
    }))
    const values = [
      this.consumer,
      incarnation,
      given.map(({ id }) => id),
      [...new Set(given.map(({ key }) => key))],
    ]
    const { rows: [row] } = await tx.query<{ current: boolean; entered: string[]; held: string[] }>({
      ...this.#sql.enter,
      values,
    })
    if (row?.current !== true) throw new ReplayedError(this.consumer)
    const left = new Set(row.entered)
    const held = new Set(row.held)
    // `delete` says whether it was there: of a message that came twice together, the first one counts.
    const mine = given.filter(({ id }) => left.delete(id))
    const parked = mine.filter(({ key }) => held.has(key))
    if (parked.length > 0) {
      await tx.query({
        ...this.#sql.park,
        values: [
          this.consumer,
          parked.map(({ key }) => key),
          parked.map(({ message }) => writeMessage(message)),
        ],
      })
    }
    return {
      fresh: mine.filter(({ key }) => !held.has(key)).map(({ message }) => message),
      parked: parked.map(({ message }) => message),
    }
  }

  /** Sets a message aside, with its key. @returns false when somebody else has handled or held it meanwhile */
  async hold (incarnation: number, message: EventMessage, verdict: Verdict): Promise<boolean> {
    const { dead, waitMs, failure } = verdict
    const { rowCount } = await this.pool.query({
      ...this.#sql.hold,
      values: [
        this.consumer,
        incarnation,
        inboxId(message.id),
        orderingKey(message),
        writeMessage(message),
        dead,
        waitMs,
        JSON.stringify(failure),
      ],
    })
    return rowCount === 1
  }

  /** Keys whose oldest message is due for another try, for `leaseMs` the caller's to try. */
  async claimDue (limit: number, leaseMs: number): Promise<readonly string[]> {
    const { rows } = await this.pool.query<{ key: string }>({
      ...this.#sql.claim,
      values: [this.consumer, limit, leaseMs],
    })
    return rows.map(({ key }) => key)
  }

  /** @returns undefined when nothing of the key is left to be tried */
  async head (key: string): Promise<HeldHead | undefined> {
    const { rows: [row] } = await this.pool.query<{ seq: string; message: string; attempts: number }>({
      ...this.#sql.head,
      values: [this.consumer, key],
    })
    return row === undefined ?
      undefined :
      { seq: row.seq, message: readMessage(row.message), attempt: row.attempts }
  }

  /**
   * Ends a held message together with its effects, in their transaction; the key is released with its last one.
   *
   * @returns `lost` when somebody else has ended it: the effects must not be committed
   */
  async settle (
    tx: Transaction,
    key: string,
    seq: string,
    leaseMs: number
  ): Promise<'more' | 'released' | 'lost'> {
    const place = [this.consumer, key]
    const { rowCount: locked } = await tx.query({ ...this.#sql.lockKey, values: place })
    if (locked !== 1) return 'lost'
    const { rowCount: taken } = await tx.query({ ...this.#sql.take, values: [seq] })
    if (taken !== 1) return 'lost'
    const { rowCount: released } = await tx.query({ ...this.#sql.release, values: place })
    if (released === 1) return 'released'
    await tx.query({ ...this.#sql.restart, values: [...place, leaseMs, 1] })
    return 'more'
  }

  /** A claimed key that was not tried: it is due again after `waitMs`, and the try does not count. */
  async giveBack (key: string, attempt: number, waitMs: number): Promise<void> {
    await this.pool.query({
      ...this.#sql.restart,
      values: [this.consumer, key, waitMs, Math.max(0, attempt - 1)],
    })
  }

  async fail (key: string, { seq, attempt }: HeldHead, verdict: Verdict): Promise<void> {
    const { dead, waitMs, failure } = verdict
    await this.pool.query({
      ...this.#sql.fail,
      values: [this.consumer, key, seq, attempt, dead, waitMs, JSON.stringify(failure)],
    })
  }

  async counts (): Promise<{ dead: number; retrying: number; oldestDeadSeconds: number }> {
    const { rows: [row] } = await this.pool.query<
      { dead: number; retrying: number; oldest_dead_seconds: number }
    >({ ...this.#sql.counts, values: [this.consumer] })
    return {
      dead: row?.dead ?? 0,
      retrying: row?.retrying ?? 0,
      oldestDeadSeconds: row?.oldest_dead_seconds ?? 0,
    }
  }

  /** The number that a replay will give the consumer. */
  async nextIncarnation (): Promise<number> {
    const { rows: [row] } = await this.pool.query<{ incarnation: number }>(this.#sql.nextIncarnation)
    return row!.incarnation
  }

  /** From now on nothing is known as handled. */
  async replay (incarnation: number): Promise<void> {
    await this.pool.query({ ...this.#sql.replay, values: [this.consumer, incarnation] })
  }
}
