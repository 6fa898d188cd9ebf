export { comparePlans } from './compare-plans.ts'
export { type Decision, decisionText, planText } from './decisions.ts'
export { PlanFileError, PlansUnavailableError } from './errors.ts'
export type { IndexProof } from './index-proof.ts'
export { driftOf, type PlanDrift, type Plans, plansText, readPlans, writePlans } from './plan-file.ts'
export {
  type PlantedColumn,
  type PlantedTable,
  type PlantedTables,
  plantStatistics,
} from './planted-statistics.ts'
export {
  type PlanFinding,
  type PlanFindingKind,
  type PlanReview,
  type ReviewOptions,
  reviewStatements,
} from './review.ts'
export { type SeenStatement, StatementCatalogue } from './statement-catalogue.ts'
