import type { Pool } from 'pg'
import type { Transaction } from '../../data/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import type { JobApp } from '../jobs/index.ts'

/** One run of a step, as its action or compensation sees it. */
export interface StepRun {
  /** The saga's id, a UUID. */
  readonly saga: string
  /** The business key that the saga was started with; its id, when with none. */
  readonly sagaKey: string
  /**
   * Names the effect: the same in each run of this action, another one for its compensation. Give it to whatever can
   * tell by it that it has been asked before.
   */
  readonly key: string
  /** Which try this is, from 1. */
  readonly attempt: number
  /** Aborts at the deadline of the step, and when the worker has to stop. Pass it to all that is awaited. */
  readonly signal: AbortSignal
  /** The pool that the sagas were opened on. */
  readonly data: Pool
  readonly logger: Logger
  readonly app: JobApp
}

/** A run in the transaction that also moves the saga on: its writes are there exactly when the step counts as done. */
export interface LocalRun extends StepRun {
  readonly tx: Transaction
}

/** What a compensation knows beside. */
export interface Undoing {
  /** What became of the action; `unknown`: perhaps nothing. */
  readonly outcome: 'done' | 'unknown'
}
