export { type DefinedSaga, defineSaga } from './define-saga.ts'
export {
  SagaConflictError,
  SagaDataError,
  SagaDefinitionChangedError,
  SagaDefinitionUnknownError,
  SagaNotFoundError,
  SagaSignalError,
  SagasNotOpenError,
  StepRefused,
  UndeclaredSagaError,
} from './errors.ts'
export type { HttpAction, StepRequest, StepResponse, StepVerdict } from './http-action.ts'
export type { SagaKeeper } from './keeper.ts'
export type {
  BegunStep,
  SagaAction,
  SagaData,
  SagaFailure,
  SagaSignal,
  SagaState,
  SagaStatus,
} from './machine/index.ts'
export type { NewSignal, SagaName } from './new-signal.ts'
export { openSagas, type OpenSagasOptions } from './open-sagas.ts'
export type { Patch } from './patch.ts'
export { sagaProblems } from './problems.ts'
export type { Action, Saga, SagaOptions, SagaTicket, StartOptions, StartsOn, Step } from './saga-options.ts'
export type { SagaEvent, SagaFilter, SagaRecord } from './saga-record.ts'
export type { AskedBy, SagaHandling, Sagas } from './sagas.ts'
export type { LocalRun, StepRun, Undoing } from './step-run.ts'
export { type Answer, onEvent, onSignal, type WaitFor } from './wait-for.ts'
export {
  type ExpectedEvent,
  type FlowData,
  type FlowEvent,
  flowEvent,
  type FlowOptions,
  watchFlow,
} from './watch-flow.ts'
