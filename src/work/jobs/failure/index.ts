export { deadColumns, type DeadTables, deadTables, prepareDeadTables } from './dead-table.ts'
export { failureFingerprint } from './failure-fingerprint.ts'
export { type JobFailure, jobFailure, lapsedFailure } from './job-failure.ts'
export type { RedrivableStore, RedrivenJob } from './redrivable.ts'
