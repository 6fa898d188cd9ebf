import type { SagaData, SagaFailure, SagaSignal, SagaState } from './state.ts'

/** What became of one run of an action or a compensation. */
export type RunOutcome =
  | { readonly kind: 'done'; readonly patch?: SagaData | undefined }
  | {
    readonly kind: 'failed'
    readonly failure: SagaFailure
    /**
     * `none`: this run did nothing, which says nothing about runs before it. `refused`: whoever was asked has decided,
     * and it never took effect in any run. `unknown`: it may have taken effect.
     */
    readonly effect: 'none' | 'refused' | 'unknown'
    /** Another run may end otherwise. */
    readonly retryable: boolean
    /** Not before, in milliseconds. */
    readonly retryAfterMs?: number | undefined
  }

/** What can happen to a saga. */
export type SagaInput =
  | { readonly kind: 'start' }
  /** Somebody is about to run the command with this token. */
  | { readonly kind: 'begin'; readonly token: number }
  | { readonly kind: 'outcome'; readonly token: number; readonly outcome: RunOutcome }
  /** Time has passed. */
  | { readonly kind: 'wake' }
  | { readonly kind: 'signal'; readonly signal: SagaSignal }
  | { readonly kind: 'cancel'; readonly reason: string }
  /** A parked saga goes on. `force`: even where an effect may then happen twice. */
  | { readonly kind: 'resume'; readonly force: boolean }
  /** A parked saga goes on as if what it is parked at were done. */
  | { readonly kind: 'skip'; readonly patch?: SagaData | undefined }

/** What is to be done, in the transaction of the transition. */
export interface SagaCommand {
  readonly kind: 'run'
  readonly token: number
  /** Not before, in milliseconds from now; 0 for at once. */
  readonly afterMs: number
}

/** A line of the audit trail. */
export interface SagaNote {
  readonly kind: NoteKind
  readonly step?: string
  readonly detail?: Readonly<Record<string, unknown>>
}

export type NoteKind =
  | 'started'
  | 'began'
  | 'done'
  | 'try failed'
  | 'failed'
  | 'asking'
  | 'waiting'
  | 'signal'
  | 'signal kept'
  | 'point of no return'
  | 'rescued'
  | 'deadline passed'
  | 'cancel asked'
  | 'cancel too late'
  | 'compensating'
  | 'undone'
  | 'undo failed'
  | 'completed'
  | 'compensated'
  | 'parked'
  | 'resumed'
  | 'skipped'
  | 'late'

/** What came of an input. */
export interface Advanced {
  /**
   * `taken`: it counted. `late`: it belongs to a command that is over, or is a signal that was there already. `refused`:
   * it cannot be done now.
   */
  readonly verdict: 'taken' | 'late' | 'refused'
  /** Why it was refused, for the one who asked. */
  readonly reason?: string
  readonly state: SagaState
  readonly data: SagaData
  readonly commands: readonly SagaCommand[]
  readonly notes: readonly SagaNote[]
}
