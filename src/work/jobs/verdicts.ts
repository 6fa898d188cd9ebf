import { type Duration, parseDuration } from '../../kernel/index.ts'

/** The job could not be done now and should be tried again, not before `after`; it counts as a failed attempt. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater'
  readonly code = 'JOB_RETRY_LATER'
  /** The earliest next try, in milliseconds from now. */
  readonly retryAfterMs: number

  constructor ({ after, reason, cause }: {
    readonly after: Duration
    /** For those who read the job's error. */
    readonly reason?: string
    readonly cause?: unknown
  }) {
    super(reason ?? 'asked to be tried again later', cause === undefined ? undefined : { cause })
    this.retryAfterMs = parseDuration(after, 'RetryLater.after')
  }
}

/** No further try can succeed: the job goes to the dead letters at once. */
export class NeverRetry extends Error {
  override readonly name = 'NeverRetry'
  readonly code = 'JOB_NEVER_RETRY'
  readonly retryable = false
}

/** Not yet: the job waits until then, and no attempt is counted. Give it `expires`, or it may wait for ever. */
export class Snooze extends Error {
  override readonly name = 'Snooze'
  readonly code = 'JOB_SNOOZED'
  /** In milliseconds from now. */
  readonly forMs: number

  constructor (wait: Duration) {
    super('snoozed')
    this.forMs = parseDuration(wait, 'Snooze')
  }
}
