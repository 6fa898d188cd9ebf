import type { Pool, PoolClient } from 'pg'
import {
  type Clock,
  currentContext,
  finishing,
  fullJitter,
  type Random,
  SettingError,
  sleep,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'

/** What runs inside a transaction: queries only; when it ends is not theirs to say. */
export type Transaction = Pick<PoolClient, 'query'>

export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

export interface TransactionOptions {
  /** @default that of the session, which is PostgreSQL's `read committed` unless somebody has changed it */
  readonly isolation?: Isolation
  /**
   * How often `work` is run again, in a transaction of its own, when PostgreSQL has ended it for the sake of others: a
   * serialization failure or a deadlock. Whatever `work` does outside of the transaction is then done again, too.
   * @default 3 for 'repeatable read' and 'serializable', else 0
   */
  readonly retries?: number
  /** @default the system's */
  readonly clock?: Clock
  /** @default the system's */
  readonly random?: Random
}

/** Whose transaction it is: what is written in one may belong to something that was opened on the pool. */
const pools = new WeakMap<Transaction, Pool>()

/** The pool on which {@link transaction} runs `tx`; `undefined` for one that was begun by other means, and after its end. */
export function poolOf (tx: Transaction): Pool | undefined {
  return pools.get(tx)
}

const begins: Readonly<Record<Isolation, string>> = {
  'read committed': 'begin isolation level read committed',
  'repeatable read': 'begin isolation level repeatable read',
  serializable: 'begin isolation level serializable',
}

/** Between tries, in milliseconds: most conflicts are over as soon as the other one has committed. */
const pauses = { baseMs: 5, capMs: 250 }

/**
 * Runs `work` in one transaction: committed when it resolves, rolled back when it throws.
 *
 * Under a deadline (`governPool`) each statement ends with it. A transaction whose caller has gone by the
 * end of `work` is rolled back; once `commit` is sent, it finishes.
 *
 * A connection on which even the rollback fails is thrown away, not given back to the pool.
 *
 * @returns what `work` returned, after the commit
 * @throws what `work` or the commit threw (of the last try); DeadlineExceededError or CallerGoneError when nobody waits
 *   any more; SettingError for options out of range
 * @see https://www.postgresql.org/docs/18/mvcc-serialization-failure-handling.html
 */
export async function transaction<Result> (
  pool: Pool,
  work: (tx: Transaction) => Promise<Result>,
  options: TransactionOptions = {}
): Promise<Result> {
  const { isolation, clock = systemClock, random = systemRandom } = options
  const { retries = isolation === undefined || isolation === 'read committed' ? 0 : 3 } = options
  const begin = isolation === undefined ? 'begin' : begins[isolation]
  if (begin === undefined)
    throw new SettingError('transaction.isolation', `one of ${Object.keys(begins).join(', ')}`, isolation)
  if (!(Number.isInteger(retries) && retries >= 0))
    throw new SettingError('transaction.retries', 'a whole number of at least 0', retries)
  for (let failed = 1;; failed++) {
    try {
      return await runOnce(pool, begin, work)
    } catch (error) {
      if (failed > retries || !wasEndedForOthers(error)) throw error
      await sleep(clock, fullJitter(failed, pauses, random), currentContext()?.signal)
    }
  }
}

async function runOnce<Result> (
  pool: Pool,
  begin: string,
  work: (tx: Transaction) => Promise<Result>
): Promise<Result> {
  const client = await pool.connect()
  let broken: Error | undefined
  // The statement in flight rejects when the connection breaks; the event, unheard, would end the process.
  const markBroken = (error: Error): void => {
    broken = error
  }
  client.on('error', markBroken)
  try {
    await client.query(begin)
    pools.set(client, pool)
    const result = await work(client)
    throwIfNobodyWaits()
    await finishing(() => client.query('commit'))
    return result
  } catch (error) {
    await finishing(() => client.query('rollback')).catch(markBroken)
    throw error
  } finally {
    pools.delete(client)
    client.off('error', markBroken)
    client.release(broken)
  }
}

/** SQLSTATE `serialization_failure` and `deadlock_detected`: nothing of it has happened, and another try may succeed. */
function wasEndedForOthers (error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error &&
    (error.code === '40001' || error.code === '40P01')
}

function throwIfNobodyWaits (): void {
  const context = currentContext()
  context?.deadline.throwIfPassed()
  context?.signal.throwIfAborted()
}
