import { type Clock, Deadline, openContext, runWithContext } from '../../../kernel/index.ts'

/** Bounds a statement of the worker itself, so that a database that hangs does not hang the worker, in milliseconds. */
const patienceMs = 15_000

/** Runs work of the worker's own as a unit of background work: apart from the job or request that happened to cause it. */
export async function inBackground<Result> (clock: Clock, work: () => Promise<Result>): Promise<Result> {
  const context = openContext({ id: 'jobs', deadline: Deadline.in(patienceMs, clock) })
  try {
    return await runWithContext(context, work)
  } finally {
    context.settle()
  }
}
