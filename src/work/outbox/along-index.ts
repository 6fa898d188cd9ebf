import type { Pool } from 'pg'
import { type Transaction, transaction } from '../../data/index.ts'

/**
 * How the log is read in its order. Left alone, PostgreSQL takes it that few rows follow a place of the log: of a row
 * comparison it looks at the first column only, and that is the epoch. It then sorts all that follow to find the first.
 */
export const alongIndexSettings = ['enable_seqscan', 'enable_bitmapscan', 'enable_sort', 'jit'] as const

/** Runs statements that go through the log step by step, however far that is from its end. */
export async function alongIndex<Result> (
  pool: Pool,
  work: (tx: Transaction) => Promise<Result>
): Promise<Result> {
  return await transaction(pool, async (tx) => {
    await tx.query(
      `SELECT ${alongIndexSettings.map((name) => `set_config('${name}', 'off', true)`).join(', ')}`
    )
    return await work(tx)
  })
}
