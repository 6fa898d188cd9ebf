export { DatabaseLostError, PoolLineFullError, PoolWaitTimeoutError } from './errors.ts'
export { openPool, type OpenPoolOptions } from './open-pool.ts'
export {
  checkPoolBudget,
  type FleetOptions,
  type PoolBudget,
  poolSizeFor,
  type PoolSizeOptions,
} from './pool-budget.ts'
export { type PoolClass, poolClasses, type PoolReserves } from './pool-class.ts'
export { type GovernedPool, type GovernOptions, governPool } from './pool.ts'
export { poolProblems } from './problems.ts'
export type { StatementObserver, StatementOutcome } from './statement-observer.ts'
