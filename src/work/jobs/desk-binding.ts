import type { Pool } from 'pg'
import { poolOf, type Transaction } from '../../data/index.ts'
import { JobsNotOpenError } from './errors.ts'
import type { EnqueueOptions, JobTicket } from './job-options.ts'
import type { Job } from './job.ts'

/** Where jobs are enqueued: what a job needs of an open queue. */
export interface JobDesk {
  enqueueMany<Input>(
    tx: Transaction,
    job: Job<Input>,
    inputs: readonly Input[],
    options?: EnqueueOptions
  ): Promise<readonly JobTicket[]>
}

/** Of this process, by the pool they were opened on. */
const desks: Map<Pool, JobDesk> = new Map()

/** From now on jobs that are enqueued in transactions of the pool go to this desk. */
export function bindDesk (pool: Pool, desk: JobDesk): void {
  desks.set(pool, desk)
}

export function unbindDesk (pool: Pool, desk: JobDesk): void {
  if (desks.get(pool) === desk) desks.delete(pool)
}

/**
 * The desk of the transaction's pool, or of `tx` where that is a pool itself; for transactions that were begun by other
 * means the only one there is.
 *
 * @throws JobsNotOpenError
 */
export function deskOf (tx: Transaction): JobDesk {
  const own = desks.get((poolOf(tx) ?? tx) as Pool)
  if (own !== undefined) return own
  const [only, ...others] = desks.values()
  if (only === undefined || others.length > 0) throw new JobsNotOpenError(desks.size)
  return only
}
