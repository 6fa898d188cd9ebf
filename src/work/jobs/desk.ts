import { OpenedOn, type Transaction } from '../../data/index.ts'
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

/** Where jobs go that are enqueued in transactions of a pool. */
export const desks: OpenedOn<JobDesk> = new OpenedOn((open) => new JobsNotOpenError(open))
