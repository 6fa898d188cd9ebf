export { type BackoffLimits, fullJitter } from './backoff.ts'
export { type Bytes, formatBytes, parseBytes } from './bytes.ts'
export { type Cancel, type Clock, inTime, sleep, systemClock } from './clock.ts'
export { type ContextPart, finishing, finishingNow, unitOf, withDeadline, within } from './context-part.ts'
export { CallerGoneError, type WatchedWork, WorkSignal } from './context-signal.ts'
export { type Context, currentContext, enterContext, runWithContext, runWithoutContext } from './context.ts'
export { criticalities, type Criticality, parseCriticality } from './criticality.ts'
export {
  clampDeadline,
  type DeadlineClamp,
  deadlineHeader,
  type DeadlineHeaders,
  MalformedDeadline,
  readDeadlineHeaders,
  writeDeadlineHeader,
} from './deadline-header.ts'
export { Deadline, DeadlineExceededError } from './deadline.ts'
export { type Duration, formatDuration, parseDuration } from './duration.ts'
export { idSource } from './id.ts'
export { CloseError, Lifecycle, type LifecyclePart } from './lifecycle.ts'
export { type ManualClock, manualClock } from './manual-clock.ts'
export {
  type CarriedContext,
  carryContext,
  openContext,
  type OpenContextOptions,
  readCarried,
  resumeContext,
} from './open-context.ts'
export { type Preferences, readPrefer, waitMsFor } from './prefer.ts'
export {
  type ExplainedProblemKind,
  explainProblems,
  Problem,
  type ProblemDetails,
  type ProblemDocument,
  problemDocument,
  type ProblemKind,
  type ProblemKinds,
  problemMediaType,
  type ProblemRow,
  problemType,
} from './problem.ts'
export { type Random, seededRandom, systemRandom } from './random.ts'
export { SettingError } from './setting-error.ts'
export {
  childTrace,
  formatTraceparent,
  newTrace,
  parseTraceparent,
  type TraceContext,
} from './trace-context.ts'
export { untilAborted } from './until-aborted.ts'
export { uuidOf, uuidTimeMs, uuidv7 } from './uuid.ts'
