export { advance, mayRun, parkUnknown } from './advance.ts'
export type { Advanced, NoteKind, RunOutcome, SagaCommand, SagaInput, SagaNote } from './input.ts'
export { type Accepted, type ActShape, end, type SagaShape, type StepShape, type WaitShape } from './shape.ts'
export {
  type BegunStep,
  hasEnded,
  type SagaAction,
  type SagaData,
  type SagaFailure,
  type SagaSignal,
  type SagaState,
  type SagaStatus,
  unstarted,
  wakeAtOf,
} from './state.ts'
export type { TurnPorts } from './turn.ts'
