export {
  type AuditRecord,
  type DeadFilter,
  type DeadGroup,
  type DeadLetter,
  DeadLetterChangedError,
  type DeadLetterHistory,
  DeadLetterMissingError,
  DeadLetterPayloadError,
  DeadLetters,
  type DeadLettersOptions,
  type Operator,
  redrive,
  type RedriveOptions,
  type RedriveProgress,
} from './dead/index.ts'
export { defineJob } from './define-job.ts'
export {
  JobCancelledError,
  JobLeaseLostError,
  JobOverrunError,
  JobPayloadError,
  JobPayloadTooLargeError,
  JobPayloadUnreadableError,
  JobsNotOpenError,
  UnknownJobError,
  WorkerDrainedError,
} from './errors.ts'
export { failureFingerprint, type JobFailure } from './failure/index.ts'
export type { EnqueueOptions, JobOptions, JobTicket, RetryOptions, UniqueKey } from './job-options.ts'
export type { JobPolicy } from './job-policy.ts'
export type { JobApp, JobProgress, JobRun, TransactionalJobRun } from './job-run.ts'
export { isFinal, type JobStatus, statusOf } from './job-status.ts'
export type { Job } from './job.ts'
export type { OpenJobsOptions, TierOptions, WorkerOptions } from './jobs-options.ts'
export type { Jobs, JobWorker, WaitOptions } from './jobs.ts'
export { openJobs } from './open-jobs.ts'
export {
  JobStoreLackError,
  type PgBossJobStore,
  pgBossJobStore,
  type PgBossJobStoreOptions,
  type PgBossLack,
  pgBossLacks,
} from './pg-boss/index.ts'
export {
  type OverloadReason,
  pressureProblems,
  type TierCondition,
  TierOverloadedError,
  type TierPressure,
} from './pressure/index.ts'
export { type MissedRuns, type Schedule, schedule, type ScheduleOptions } from './schedule.ts'
export {
  type JobReceipt,
  type JobState,
  type JobStore,
  postgresJobStore,
  type PostgresJobStoreOptions,
  type TierState,
} from './store/index.ts'
export { defaultTier, promiseMsOf, type Tier } from './tier.ts'
export { NeverRetry, RetryLater, Snooze } from './verdicts.ts'
export { notifyLine, type NotifyLineOptions, type WakeCall, type WakeLine } from './wake/index.ts'
