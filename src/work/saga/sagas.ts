import type { Transaction } from '../../data/index.ts'
import type { EventHandler, EventMessage } from '../events/index.ts'
import type { Job } from '../jobs/index.ts'
import type { SagaDesk } from './desk.ts'
import type { SagaKeeper } from './keeper.ts'
import type { SagaName } from './new-signal.ts'
import type { SagaEvent, SagaFilter, SagaRecord } from './saga-record.ts'

/** What a handler of events for sagas needs. */
export interface SagaHandling {
  readonly tx: Transaction
  readonly message: EventMessage
}

/** Who asks for something, for the audit trail. */
export interface AskedBy {
  /** @default this process */
  readonly by?: string
}

/** The open sagas of a service. */
export interface Sagas extends SagaDesk, AsyncDisposable {
  /** What runs the steps: to be given to `openJobs`, beside the service's own jobs. */
  readonly jobs: readonly Job[]
  /**
   * What sagas do about events, one for each type: to be the `on` of a consumer. Empty where no saga waits for any.
   */
  readonly handlers: readonly EventHandler<SagaHandling>[]
  /** @throws SagaNotFoundError */
  get(which: SagaName): Promise<SagaRecord>
  /** Latest first. */
  list(filter?: SagaFilter): Promise<readonly SagaRecord[]>
  /** What has happened to it, first to last. */
  trail(id: string): Promise<readonly SagaEvent[]>
  /**
   * Has it compensated. A step that runs is let run, since its outcome decides what there is to undo.
   *
   * @throws SagaNotFoundError; SagaConflictError when it has ended, or has passed its point of no return
   */
  cancel(which: SagaName, options: AskedBy & { readonly reason: string }): Promise<void>
  /**
   * Has a parked saga go on where it is parked.
   *
   * @param options.force even where the effect may happen a second time
   * @throws SagaNotFoundError, SagaConflictError, SagaDefinitionUnknownError
   */
  resume(which: SagaName, options?: AskedBy & { readonly force?: boolean }): Promise<void>
  /**
   * Has a parked saga go on as if what it is parked at were done.
   *
   * @param options.patch what the step would have put into the data
   * @throws SagaNotFoundError, SagaConflictError, SagaDefinitionUnknownError
   */
  skip(
    which: SagaName,
    options?: AskedBy & { readonly patch?: Readonly<Record<string, unknown>> }
  ): Promise<void>
  /** Wakes sagas at their times; to be started wherever their jobs are worked on. */
  keeper(): SagaKeeper
  /** Closes its keepers; the pool stays open. */
  close(): Promise<void>
}
