export { defineJob, type Job } from './define-job.ts'
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
export type { EnqueueOptions, JobOptions, JobTicket, RetryOptions, UniqueKey } from './job-options.ts'
export type { JobPolicy } from './job-policy.ts'
export type { JobApp, JobProgress, JobRun, TransactionalJobRun } from './job-run.ts'
export { isFinal, type JobStatus, statusOf } from './job-status.ts'
export type { OpenJobsOptions, TierOptions, WorkerOptions } from './jobs-options.ts'
export type { Jobs, JobWorker, WaitOptions } from './jobs.ts'
export { openJobs } from './open-jobs.ts'
export { type MissedRuns, type Schedule, schedule, type ScheduleOptions } from './schedule.ts'
export { defaultTier, promiseMsOf, type Tier } from './tier.ts'
export { NeverRetry, RetryLater, Snooze } from './verdicts.ts'
export { notifyLine, type NotifyLineOptions, type WakeCall, type WakeLine } from './wake/index.ts'
