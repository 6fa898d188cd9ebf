import { DeadlineExceededError } from '../../kernel/index.ts'
import { StepRefused } from './errors.ts'
import type { RunOutcome } from './machine/index.ts'

/** The longest message that the audit trail keeps of an error, in characters. */
const longestMessage = 1_000

/**
 * What became of an action that threw.
 *
 * @param atomic whether whatever it did has been rolled back
 */
export function thrownOutcome (error: unknown, atomic: boolean): RunOutcome {
  const { code, message, retryable, retryAfterMs } = factsOf(error)
  const isRefused = error instanceof StepRefused || (atomic && (retryable === false || isRefusal(error)))
  return {
    kind: 'failed',
    failure: { code, message: message.slice(0, longestMessage) },
    effect: isRefused ? 'refused' : atomic ? 'none' : 'unknown',
    retryable: !isRefused && retryable !== false,
    retryAfterMs,
  }
}

function factsOf (error: unknown): {
  readonly code: string
  readonly message: string
  readonly retryable: unknown
  readonly retryAfterMs: number | undefined
} {
  if (!(error instanceof Error)) {
    return { code: 'SAGA_STEP_FAILED', message: String(error), retryable: undefined, retryAfterMs: undefined }
  }
  const { code, retryable, retryAfterMs } = error as
    & Error
    & Record<'code' | 'retryable' | 'retryAfterMs', unknown>
  const isLate = error instanceof DeadlineExceededError
  return {
    code: isLate ? 'SAGA_STEP_TIMEOUT' : typeof code === 'string' && code !== '' ? code : error.name,
    message: error.message,
    retryable,
    retryAfterMs: typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : undefined,
  }
}

/** A Problem, or any error that says so, whose status is one of the client's: sold out is not worth another try. */
function isRefusal (error: unknown): boolean {
  const status = (error as { readonly statusCode?: unknown } | undefined)?.statusCode
  return typeof status === 'number' && status >= 400 && status < 500 && ![408, 425, 429, 499].includes(status)
}
