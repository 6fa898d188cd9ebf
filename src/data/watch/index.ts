export { type CallSite, captureCallSite, placeOf } from './call-site.ts'
export { NotWatchedError, NPlusOneError, QueryCountError } from './errors.ts'
export { expectNoNPlusOne, expectQueryCount } from './expectations.ts'
export type { Finding, FindingKind } from './finding.ts'
export { ShapeCache, shapeOf, type StatementShape, withoutLiterals } from './fingerprint.ts'
export {
  type RecordedStatement,
  type Recording,
  type RecordingOptions,
  recordStatements,
} from './recording.ts'
export { statementWatch, type WatchMode, watchModes, type WatchOptions } from './statement-watch.ts'
