import type { BackoffLimits } from '../../../kernel/index.ts'
import type { SagaData, SagaFailure, SagaSignal } from './state.ts'

/** What a branch says to end the saga; no step has this name. */
export const end = 'end'

/** An action or a compensation, as the machine sees it. */
export interface ActShape {
  /** It takes effect together with the saga's transition, or not at all: its outcome is never unknown. */
  readonly atomic: boolean
  /** What one try may take, in milliseconds. */
  readonly deadlineMs: number
  /** The most tries. */
  readonly attempts: number
  readonly backoff: BackoffLimits
  /** It may be run again while an earlier run may have taken effect: it has a key that makes both one. */
  readonly repeatable: boolean
  /** How often an outcome that is unknown after all tries is asked about; 0 when there is no way to ask. */
  readonly asks: number
}

/** What a wait makes of a signal. */
export type Accepted =
  | { readonly kind: 'done'; readonly patch: SagaData | undefined }
  | { readonly kind: 'refused'; readonly failure: SagaFailure }

export interface WaitShape {
  readonly timeoutMs: number
  /** `undefined` for a signal that this wait is not for. It may throw: then the step fails. */
  readonly accept: (signal: SagaSignal, data: SagaData) => Accepted | undefined
}

/** One step: an action, a wait, or an action and then a wait. */
export interface StepShape {
  readonly name: string
  readonly act?: ActShape
  readonly wait?: WaitShape
  readonly undo?: ActShape
  /** A later step to go to when this one fails, in place of compensating. */
  readonly onFailure?: string
  /** The name of a later step, or `end`; `undefined` for the next. */
  readonly next?: (data: SagaData) => string | undefined
}

/** All that the machine needs to know of a definition. */
export interface SagaShape {
  readonly name: string
  readonly version: number
  readonly steps: readonly StepShape[]
  /** Index of the point of no return; -1: behind it from the start. `undefined`: it has none. */
  readonly pivot?: number
  readonly deadlineMs: number
  /** What is wrong with these data; `undefined` when nothing is. */
  readonly flawOf: (data: SagaData) => string | undefined
  /** Whether any of its waits is for signals of this name. */
  readonly hears: (name: string) => boolean
}
