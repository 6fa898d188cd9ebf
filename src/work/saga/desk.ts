import { OpenedOn, type Transaction } from '../../data/index.ts'
import { SagasNotOpenError } from './errors.ts'
import type { NewSignal, SagaName } from './new-signal.ts'
import type { Saga, SagaTicket, StartOptions } from './saga-options.ts'

/** Where sagas are started: what a definition needs of the open ones. */
export interface SagaDesk {
  start<Data>(tx: Transaction, saga: Saga<Data>, data: Data, options?: StartOptions): Promise<SagaTicket>
  signal(tx: Transaction, which: SagaName, signal: NewSignal): Promise<void>
}

/** Where sagas go that are started in transactions of a pool. */
export const desks: OpenedOn<SagaDesk> = new OpenedOn((open) => new SagasNotOpenError(open))
