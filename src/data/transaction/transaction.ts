import type { Pool, PoolClient } from 'pg'
import { currentContext, finishing } from '../../kernel/index.ts'

/** What runs inside a transaction: queries only; when it ends is not theirs to say. */
export type Transaction = Pick<PoolClient, 'query'>

/**
 * Runs `work` in one transaction: committed when it resolves, rolled back when it throws.
 *
 * Under a deadline (`governPool`) each statement ends with it. A transaction whose caller has gone by the
 * end of `work` is rolled back; once `commit` is sent, it finishes.
 *
 * A connection on which even the rollback fails is thrown away, not given back to the pool.
 *
 * @returns what `work` returned, after the commit
 * @throws what `work` or the commit threw; DeadlineExceededError or CallerGoneError when nobody waits any more
 */
export async function transaction<Result> (
  pool: Pool,
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
    await client.query('begin')
    const result = await work(client)
    throwIfNobodyWaits()
    await finishing(() => client.query('commit'))
    return result
  } catch (error) {
    await finishing(() => client.query('rollback')).catch(markBroken)
    throw error
  } finally {
    client.off('error', markBroken)
    client.release(broken)
  }
}

function throwIfNobodyWaits (): void {
  const context = currentContext()
  context?.deadline.throwIfPassed()
  context?.signal.throwIfAborted()
}
