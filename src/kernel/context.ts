import { AsyncLocalStorage } from 'node:async_hooks'
import type { Criticality } from './criticality.ts'
import type { Deadline } from './deadline.ts'
import type { TraceContext } from './trace-context.ts'

/**
 * What every unit of work - request, job, message, saga step - carries with it, whichever process or
 * store it crosses.
 */
export interface Context {
  /** Names this unit of work in logs, error documents and the `x-request-id` header. */
  readonly id: string
  readonly trace: TraceContext
  /** Whose work it is, when that is known. */
  readonly tenant: string | undefined
  readonly criticality: Criticality
  readonly deadline: Deadline
  /**
   * Aborts when the deadline passes, with a DeadlineExceededError, or when the caller has left, with a
   * CallerGoneError. Made when it is first asked for.
   */
  readonly signal: AbortSignal
}

const storage = new AsyncLocalStorage<Context>()

/** The context of the work that is running, where somebody has entered one. */
export function currentContext (): Context | undefined {
  return storage.getStore()
}

/** Runs `work` so that {@link currentContext} answers `context` in it and in all that it awaits. */
export function runWithContext<Result> (context: Context, work: () => Result): Result {
  return storage.run(context, work)
}

/** Runs `work` outside of any context: for what serves many units of work, such as a connection. */
export function runWithoutContext<Result> (work: () => Result): Result {
  return storage.exit(work)
}

/**
 * Makes `context` that of the rest of the current callback, and of all that it starts. It costs half of
 * {@link runWithContext}, and is right only where the caller of this code ends the async scope, as Node does
 * after each callback from the network; anywhere else the context would leak into what comes after.
 */
export function enterContext (context: Context): void {
  storage.enterWith(context)
}
