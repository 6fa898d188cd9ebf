import type { Static, TSchema } from 'typebox'
import type { Transaction } from '../../data/index.ts'
import type { Duration } from '../../kernel/index.ts'
import type { EventType } from '../events/index.ts'
import type { Tier } from '../jobs/index.ts'
import type { HttpAction } from './http-action.ts'
import type { NewSignal } from './new-signal.ts'
import type { Patch } from './patch.ts'
import type { LocalRun, StepRun, Undoing } from './step-run.ts'
import type { WaitFor } from './wait-for.ts'

/** What is done. Exactly one of `local`, `remote` and `http`. */
export interface Action<Data, Extra = unknown> {
  /**
   * Works in the transaction that moves the saga on, so that it happens exactly once: statements, events, jobs. What it
   * throws rolls all of it back.
   */
  readonly local?: (data: Data, run: LocalRun & Extra) => Promise<Patch<Data>> | Patch<Data>
  /**
   * Works anywhere else. It may be run again with the same `key`, and must then not take effect twice. Throw StepRefused
   * for what certainly has not happened; after any other error its outcome is taken for unknown.
   */
  readonly remote?: (data: Data, run: StepRun & Extra) => Promise<Patch<Data>>
  /** Sends a request, with an idempotency key. */
  readonly http?: HttpAction<Data, Extra>
  /** What one try may take. @default '30s' */
  readonly deadline?: Duration
  /**
   * Tries, and the pauses between them: up to `base`, doubled each time, at most `cap`, with full jitter.
   * @default { attempts: 5, base: '1s', cap: '1m' }; for a compensation { attempts: 10, base: '1s', cap: '5m' }
   */
  readonly retry?: { readonly attempts?: number; readonly base?: Duration; readonly cap?: Duration }
  /** What a person is to do when the saga is parked here. */
  readonly runbook?: string
}

/** One step: an action, a wait, or an action and then a wait for its answer. */
export interface Step<Data> extends Action<Data> {
  /** Lower-case letters, digits and `-`; not `end`. */
  readonly name: string
  /** Signals and events that the saga waits for, after the action where there is one. The first that comes counts. */
  readonly wait?: {
    /** No default: only you can know it. */
    readonly timeout: Duration
    readonly on: readonly WaitFor<Data>[]
  }
  /**
   * Undoes the action. It must do so whether that has happened, has not, or happens twice; and where a late request of
   * the action may come after it, keep that from taking effect. `'nothing'` for an action that leaves nothing to undo.
   * Needed for each action before the point of no return.
   */
  readonly compensate?: Action<Data, Undoing> | 'nothing'
  /** The point of no return: once this step is done, the saga is never compensated. At most one step. */
  readonly pivot?: boolean
  /**
   * The name of a later step to go to when this one has failed, in place of compensating. Not taken when the action may
   * have happened after all and has a compensation.
   */
  readonly onFailure?: string
  /** Branches: names a later step, or `'end'`. `undefined` for the next. */
  readonly next?: (data: Data) => string | undefined
}

export interface SagaOptions<Schema extends TSchema> {
  /** From 1. Raise it when steps change, and keep the old definition beside it until its sagas have ended. */
  readonly version: number
  /** Of what the steps read and write: an object, stored as JSON. */
  readonly data: Schema
  /** Within which the whole is done, or compensated. No default: only you can know it. */
  readonly deadline: Duration
  /** Names what a saga is about, e.g. the order's id: of one name and key there is only one. @default its id */
  readonly key?: (data: Static<Schema>) => string
  /** The queue that its steps run in. @default 'within-5s' */
  readonly tier?: Tier
  /** Starts one for each event of a type; see `startsOn`. */
  readonly startOn?: StartsOn<Static<Schema>>
  readonly steps: readonly Step<Static<Schema>>[]
}

/** An event that starts a saga. */
export interface StartsOn<Data> {
  readonly event: EventType
  /** @throws what is wrong with the event */
  readonly data: (payload: unknown) => Data
}

/** What became of a start. */
export interface SagaTicket {
  /** A UUID of version 7. */
  readonly id: string
  /** Whether there was a saga of this name and key already, so that none was started. */
  readonly duplicate: boolean
}

export interface StartOptions {
  /** @default what the saga's `key` makes of the data */
  readonly key?: string
}

/** A definition of a saga. */
export interface Saga<Data = unknown> {
  readonly name: string
  readonly version: number
  /**
   * Starts one as a part of the caller's transaction: it is there once that commits.
   *
   * @throws SagaDataError, SagasNotOpenError, UndeclaredSagaError
   */
  start(tx: Transaction, data: Data, options?: StartOptions): Promise<SagaTicket>
  /**
   * Sends a signal to the saga with this key, as a part of the caller's transaction. It is kept until the saga waits for
   * it.
   *
   * @throws SagaNotFoundError, SagaSignalError, SagaConflictError when the saga has ended
   */
  signal(tx: Transaction, key: string, signal: NewSignal): Promise<void>
}
