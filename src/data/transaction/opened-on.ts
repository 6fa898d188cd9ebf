import type { Pool } from 'pg'
import { poolOf, type Transaction } from './transaction.ts'

/**
 * What this process has opened on pools, found by a transaction: a queue, an outbox. So a job or an event can be written
 * wherever a transaction is at hand, without being handed what it belongs to.
 */
export class OpenedOn<Opened> {
  readonly #byPool: Map<Pool, Opened> = new Map()
  readonly #notFound: (open: number) => Error

  /** @param notFound made when there is none, or there are several and the transaction is of none of their pools */
  constructor (notFound: (open: number) => Error) {
    this.#notFound = notFound
  }

  /** From now on transactions of the pool find it. */
  bind (pool: Pool, opened: Opened): void {
    this.#byPool.set(pool, opened)
  }

  /** Takes it back; one that was bound after it stays. */
  unbind (pool: Pool, opened: Opened): void {
    if (this.#byPool.get(pool) === opened) this.#byPool.delete(pool)
  }

  /**
   * What was opened on the transaction's pool, or on `tx` where that is a pool itself; for a transaction that was begun by
   * other means than `transaction()`, the only one there is.
   *
   * @throws what `notFound` makes
   */
  of (tx: Transaction): Opened {
    const own = this.#byPool.get((poolOf(tx) ?? tx) as Pool)
    if (own !== undefined) return own
    const [only, ...others] = this.#byPool.values()
    if (only === undefined || others.length > 0) throw this.#notFound(this.#byPool.size)
    return only
  }
}
