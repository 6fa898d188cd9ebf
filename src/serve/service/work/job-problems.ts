import { type ExplainedProblemKind, explainProblems, type ProblemKind } from '../../../kernel/index.ts'

/** What the status resource of jobs can answer with. */
export const jobRouteProblems: Readonly<
  Record<'JOB_NOT_FOUND' | 'JOB_ENDED' | 'JOB_STREAMS_FULL', ExplainedProblemKind>
> = explainProblems({
  JOB_NOT_FOUND: [
    404,
    'There is no such job',
    'no job with this id was accepted for this caller, or it ended so long ago that it is forgotten',
    'Ask at the address that came with the 202, with the credentials of the request that was accepted.',
  ],
  JOB_ENDED: [
    409,
    'The job has ended already',
    'what has ended cannot be cancelled',
    'Ask for its state: what it did is done.',
  ],
  JOB_STREAMS_FULL: [
    503,
    'Too many clients hear of their jobs as events',
    'a process has as many streams of events of jobs (`Accept: text/event-stream`) open as `work.streams` allows',
    'Come back after `Retry-After`, or ask for JSON with `Prefer: wait=20`, which has no such limit.',
  ],
})

/** One more client than may be would hear of its job as events. */
export class JobStreamsFullError extends Error {
  override readonly name = 'JobStreamsFullError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'JOB_STREAMS_FULL'
  readonly statusCode = 503
  readonly problemKind: ProblemKind = jobRouteProblems.JOB_STREAMS_FULL
  readonly retryAfterMs: number

  constructor (most: number, retryAfterMs: number) {
    super(
      `${most} clients of this process hear of their jobs as events already: ask with Prefer: wait instead`
    )
    this.retryAfterMs = retryAfterMs
  }
}
