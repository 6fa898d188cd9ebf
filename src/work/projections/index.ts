export type { Build, BuildFailure, BuildState } from './build.ts'
export {
  type Applying,
  defineProjection,
  type Projection,
  type ProjectionOptions,
} from './define-projection.ts'
export {
  ProjectionDifferenceError,
  ProjectionLateError,
  ProjectionLogCutError,
  ProjectionTokenError,
} from './errors.ts'
export { projectionProblems } from './problems.ts'
export {
  type CaughtUp,
  openProjections,
  type Projections,
  type ProjectionsOptions,
  type ProjectionStatus,
  type ProjectionsWorker,
  type Rebuilt,
} from './projections.ts'
