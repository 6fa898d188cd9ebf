/** What steps read and write: one JSON object for each saga. */
export type SagaData = Readonly<Record<string, unknown>>

/** The last three never change by themselves: `parked` waits for a person, the other two are the end. */
export type SagaStatus = 'running' | 'compensating' | 'parked' | 'completed' | 'compensated'

/**
 * What a saga is at. `act`: the step's action; `settle`: an action of unknown outcome is asked about; `wait`: for a
 * signal or an event; `undo`: the step's compensation; `branch`: between steps, where parking alone can leave it.
 */
export type SagaAction = 'act' | 'settle' | 'wait' | 'undo' | 'branch'

/** Why a step, or a whole saga, did not go on. */
export interface SagaFailure {
  /** Stable: `SAGA_STEP_TIMEOUT`, `SAGA_CANCELLED`, or the `code` of what a step threw. */
  readonly code: string
  readonly message: string
  readonly step?: string
}

/** A step with a compensation, from before its action runs. */
export interface BegunStep {
  readonly step: string
  /** `unknown`: it may have taken effect, and nobody could say. */
  readonly outcome: 'begun' | 'done' | 'unknown'
}

/** A message to a saga. */
export interface SagaSignal {
  /** The same id twice is one signal. */
  readonly id: string
  readonly name: string
  readonly payload: unknown
}

/** A saga between two transitions, as plain data: all that a later process needs to go on, besides the shape. */
export interface SagaState {
  readonly status: SagaStatus
  /** Where it is; at first, and at the end, nowhere. */
  readonly step?: string
  readonly action: SagaAction
  /** `due`: commanded; nobody has begun it. `begun`: somebody runs it, or has died of it. */
  readonly phase: 'due' | 'begun'
  /** Of the command that is out; each command has a higher one, so that what comes from an earlier one is known as late. */
  readonly token: number
  /** Failed tries of the current action. */
  readonly tries: number
  /** How often its command was given again because nobody had begun it. */
  readonly rescues: number
  /** An earlier try of the current action may have taken effect. */
  readonly doubt: boolean
  /** In the order in which they were begun; undone from its end. */
  readonly begun: readonly BegunStep[]
  /** The point of no return is behind it: from here on it is never compensated. */
  readonly committed: boolean
  /** Of the whole saga, in milliseconds since the epoch. */
  readonly deadlineAtMs?: number
  /** When somebody has to look at the current action, in milliseconds since the epoch. */
  readonly stepAtMs?: number
  /** It is to be given up as soon as the outcome of what runs is known. */
  readonly giveUp?: SagaFailure
  /** Why it compensates. */
  readonly failure?: SagaFailure
  /** Why it is parked, and out of which state. */
  readonly parked?: { readonly failure: SagaFailure; readonly from: 'running' | 'compensating' }
  /** Signals that came before the saga waited for them. */
  readonly mailbox: readonly SagaSignal[]
  /** Ids of signals that it has had, latest last. */
  readonly seen: readonly string[]
}

/** Before its first transition. */
export const unstarted: SagaState = {
  status: 'running',
  action: 'branch',
  phase: 'due',
  token: 0,
  tries: 0,
  rescues: 0,
  doubt: false,
  begun: [],
  committed: false,
  mailbox: [],
  seen: [],
}

/** It will not change any more. */
export function hasEnded ({ status }: Pick<SagaState, 'status'>): boolean {
  return status === 'completed' || status === 'compensated'
}

/**
 * When the saga has to be woken though nothing came, in milliseconds since the epoch. Every saga that is neither ended
 * nor parked has such a moment: none can linger.
 */
export function wakeAtOf (state: SagaState): number | undefined {
  if (hasEnded(state) || state.status === 'parked') return undefined
  const isBound = state.status === 'running' && state.giveUp === undefined
  const moments = [state.stepAtMs, isBound ? state.deadlineAtMs : undefined].filter((atMs) =>
    atMs !== undefined
  )
  return moments.length === 0 ? undefined : Math.min(...moments)
}
