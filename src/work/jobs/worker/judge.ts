import { fullJitter, type Random } from '../../../kernel/index.ts'
import { JobCancelledError, JobLeaseLostError, WorkerDrainedError } from '../errors.ts'
import { jobFailure } from '../failure/index.ts'
import type { JobPolicy } from '../job-policy.ts'
import type { ClaimedJob, JobOutcome } from '../store/index.ts'
import { Snooze } from '../verdicts.ts'

export interface FailedRun {
  readonly job: Pick<ClaimedJob, 'id' | 'attempt' | 'attempts'>
  readonly backoff: JobPolicy['backoff']
  /** What was thrown. */
  readonly error: unknown
  /** Why the run was told to stop, if it was. */
  readonly stopReason: Error | undefined
  /** Milliseconds since the epoch. */
  readonly nowMs: number
  readonly random: Random
  readonly version: string | undefined
}

/** No error may put a job off for longer. */
const longestRetryAfterMs = 86_400_000

/**
 * What follows from a run that threw. An error says itself that there is no use in trying again (`retryable: false`), or
 * how long to wait (`retryAfterMs`); all others are tried again with full jitter while attempts are left. A wait that was
 * asked for is never shortened, and spread by up to the first backoff, so that those who were told the same do not
 * return together.
 *
 * @returns `undefined` when the job is somebody else's by now, so that nothing is to be written
 */
export function judge (run: FailedRun): JobOutcome | undefined {
  const { job: { id, attempt, attempts }, backoff, error, stopReason, nowMs, random, version } = run
  if (stopReason instanceof JobLeaseLostError || error instanceof JobLeaseLostError) return undefined
  if (stopReason instanceof JobCancelledError) return { id, kind: 'cancelled' }
  if (stopReason instanceof WorkerDrainedError) return { id, kind: 'snooze', atMs: nowMs }
  if (error instanceof Snooze) return { id, kind: 'snooze', atMs: nowMs + error.forMs }
  const failure = jobFailure(error, version)
  const { retryable, retryAfterMs } = wishesOf(error)
  if (!retryable || attempt >= attempts) return { id, kind: 'dead', error: failure }
  const waitMs = retryAfterMs === undefined ?
    fullJitter(attempt, backoff, random) :
    Math.min(retryAfterMs, longestRetryAfterMs) + fullJitter(1, backoff, random)
  return { id, kind: 'retry', atMs: nowMs + waitMs, error: failure }
}

function wishesOf (
  error: unknown
): { readonly retryable: boolean; readonly retryAfterMs: number | undefined } {
  if (typeof error !== 'object' || error === null) return { retryable: true, retryAfterMs: undefined }
  const { retryable, retryAfterMs } = error as { retryable?: unknown; retryAfterMs?: unknown }
  const isWait = typeof retryAfterMs === 'number' && retryAfterMs >= 0 && Number.isFinite(retryAfterMs)
  return { retryable: retryable !== false, retryAfterMs: isWait ? retryAfterMs : undefined }
}
