export { type PipelineOptions, type RouteSettings } from './options.ts'
export { plimsoll, sendProblem } from './plugin.ts'
export { computeProblems, requestProblems } from './problem-kinds.ts'
export { problemOf } from './problem-of.ts'
