import type { Client } from 'pg'
import type { Transaction } from '../../data/index.ts'
import { type Clock, runWithoutContext } from '../../kernel/index.ts'

/** What is looked at of a connection, where it is one of `pg`. */
type Connection = Pick<Client, 'getTransactionStatus' | 'on' | 'off'>

/** When to look for what may have been committed meanwhile, in milliseconds, where nobody can tell. */
const guessesMs = [2, 20, 200]

/**
 * Hears of the end of other people's transactions: a commit must neither wait for what is to happen after it, nor know of
 * it. A connection of `pg` knows whether it is in a transaction; of anything else it is guessed.
 */
export class CommitWatch {
  readonly #clock: Clock
  readonly #ended: (tiers: ReadonlySet<string>) => void
  readonly #open: WeakMap<object, Set<string>> = new WeakMap()

  /** @param ended hears of tiers in which something may have been committed */
  constructor (clock: Clock, ended: (tiers: ReadonlySet<string>) => void) {
    this.#clock = clock
    this.#ended = ended
  }

  /** Something was written for the tier on this connection. */
  wrote (tx: Transaction, tier: string): void {
    const waiting = this.#open.get(tx)
    if (waiting !== undefined) {
      waiting.add(tier)
      return
    }
    const tiers = new Set([tier])
    if (!isConnection(tx)) return runWithoutContext(() => this.#guess(tx, tiers))
    if (tx.getTransactionStatus() === 'I') return this.#ended(tiers)
    this.#open.set(tx, tiers)
    const look = (): void => {
      if (tx.getTransactionStatus() !== 'I') return
      this.#forget(tx, look)
      this.#ended(tiers)
    }
    // Emitted whenever the connection has nothing more to do, as after a commit.
    tx.on('drain', look)
  }

  #forget (tx: Connection, look: () => void): void {
    this.#open.delete(tx)
    tx.off('drain', look)
  }

  #guess (tx: Transaction, tiers: ReadonlySet<string>): void {
    // A pool runs each statement in a transaction of its own.
    if ('totalCount' in tx) return this.#ended(tiers)
    for (const ms of guessesMs) this.#clock.after(ms, () => this.#ended(tiers))
  }
}

function isConnection (tx: object): tx is Connection {
  return 'getTransactionStatus' in tx && typeof tx.getTransactionStatus === 'function' && 'off' in tx
}
