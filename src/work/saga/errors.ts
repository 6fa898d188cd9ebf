import type { ProblemKind } from '../../kernel/index.ts'
import { sagaProblems } from './problems.ts'

/**
 * Throw it from a step: what was asked for is refused, for good, and has not happened. The step is not tried again, and
 * there is nothing to undo of it.
 */
export class StepRefused extends Error {
  override readonly name = 'StepRefused'
  /** What the audit trail shows. */
  readonly code: string

  constructor (
    message: string,
    { code = 'SAGA_STEP_REFUSED', cause }: { code?: string; cause?: unknown } = {}
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** The data do not fit the schema of their saga. Nothing was started. */
export class SagaDataError extends Error {
  override readonly name = 'SagaDataError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'SAGA_DATA_INVALID'
  readonly saga: string

  constructor (saga: string, flaw: string) {
    super(`the data of saga ${saga} do not fit its schema: ${flaw}`)
    this.saga = saga
  }
}

/** A saga is started in a process in which none are open, or several are and the transaction does not tell which. */
export class SagasNotOpenError extends Error {
  override readonly name = 'SagasNotOpenError'
  readonly code = 'SAGAS_NOT_OPEN'

  constructor (open: number) {
    super(
      open === 0 ?
        'no sagas are open in this process: list the saga in the sagas of the service, or await ' +
        'openSagas({ pool, sagas }) first' :
        `${open} openSagas() are open in this process, and the transaction is of none of their pools: use ` +
        'sagas.start(tx, saga, data) of the one that is meant'
    )
  }
}

/** A saga is started that the service did not declare. */
export class UndeclaredSagaError extends Error {
  override readonly name = 'UndeclaredSagaError'
  readonly code = 'SAGA_UNDECLARED'

  constructor (name: string, version: number) {
    super(`saga ${name}, version ${version}, is not declared: add it to the sagas of the service`)
  }
}

/** The steps of a definition have changed, its version has not, and sagas are under way that would be misread. */
export class SagaDefinitionChangedError extends Error {
  override readonly name = 'SagaDefinitionChangedError'
  readonly code = 'SAGA_DEFINITION_CHANGED'
  readonly saga: string
  readonly unfinished: number

  constructor (saga: string, version: number, unfinished: number) {
    super(
      `saga ${saga} has other steps than its version ${version} had, and ${unfinished} of that version have not ended: ` +
        `give it version ${version + 1}, and keep the old definition beside it until those have ended`
    )
    this.saga = saga
    this.unfinished = unfinished
  }
}

/** There is no such saga, or none any more. */
export class SagaNotFoundError extends Error {
  override readonly name = 'SagaNotFoundError'
  readonly code = 'SAGA_NOT_FOUND'
  readonly statusCode = 404
  readonly problemKind: ProblemKind = sagaProblems.SAGA_NOT_FOUND

  constructor (which: string) {
    super(`there is no saga ${which}`)
  }
}

/** The saga stands so that what was asked for cannot be done; nothing was changed. */
export class SagaConflictError extends Error {
  override readonly name = 'SagaConflictError'
  readonly code = 'SAGA_CONFLICT'
  readonly statusCode = 409
  readonly problemKind: ProblemKind = sagaProblems.SAGA_CONFLICT

  constructor (which: string, what: string, reason: string) {
    super(`saga ${which} cannot be ${what}: ${reason}`)
  }
}

/** A signal does not fit the schema under which a step waits for it, or no step of the saga ever waits for its name. */
export class SagaSignalError extends Error {
  override readonly name = 'SagaSignalError'
  readonly code = 'SAGA_SIGNAL_INVALID'
  readonly statusCode = 422
  readonly problemKind: ProblemKind = sagaProblems.SAGA_SIGNAL_INVALID

  constructor (saga: string, signal: string, flaw: string) {
    super(`signal "${signal}" for saga ${saga}: ${flaw}`)
  }
}

/** The definition of a saga is not among those of this service. */
export class SagaDefinitionUnknownError extends Error {
  override readonly name = 'SagaDefinitionUnknownError'
  readonly code = 'SAGA_DEFINITION_UNKNOWN'

  constructor (name: string, version: number) {
    super(`the definition of saga ${name}, version ${version}, is not known here: run a release that has it`)
  }
}
