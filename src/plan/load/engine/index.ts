export { checkPlan } from './check-plan.ts'
export { runLoad, type RunLoadOptions } from './run-load.ts'
