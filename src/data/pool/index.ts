export { DatabaseLostError, PoolWaitTimeoutError } from './errors.ts'
export { type PoolDeadlineOptions, withDeadlines } from './pool.ts'
export { poolProblems } from './problems.ts'
