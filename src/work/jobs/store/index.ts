export { JobKeyContendedError } from './errors.ts'
export type {
  ClaimedBatch,
  ClaimedJob,
  ClaimRequest,
  Enqueued,
  JobFailure,
  JobOutcome,
  JobReceipt,
  JobState,
  JobStore,
  NewJob,
  Renewed,
  TierState,
  Upkeep,
  WaitingKind,
} from './job-store.ts'
export { postgresJobStore, type PostgresJobStoreOptions } from './postgres-store.ts'
