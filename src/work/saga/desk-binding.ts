import type { Pool } from 'pg'
import { poolOf, type Transaction } from '../../data/index.ts'
import { SagasNotOpenError } from './errors.ts'
import type { NewSignal, SagaName } from './new-signal.ts'
import type { Saga, SagaTicket, StartOptions } from './saga-options.ts'

/** Where sagas are started: what a definition needs of the open ones. */
export interface SagaDesk {
  start<Data>(tx: Transaction, saga: Saga<Data>, data: Data, options?: StartOptions): Promise<SagaTicket>
  signal(tx: Transaction, which: SagaName, signal: NewSignal): Promise<void>
}

/** Of this process, by the pool they were opened on. */
const desks: Map<Pool, SagaDesk> = new Map()

/** From now on sagas that are started in transactions of the pool are started here. */
export function bindDesk (pool: Pool, desk: SagaDesk): void {
  desks.set(pool, desk)
}

export function unbindDesk (pool: Pool, desk: SagaDesk): void {
  if (desks.get(pool) === desk) desks.delete(pool)
}

/** The desk of the transaction's pool; for transactions that were begun by other means the only one there is. */
export function deskOf (tx: Transaction): SagaDesk {
  const own = desks.get((poolOf(tx) ?? tx) as Pool)
  if (own !== undefined) return own
  const [only, ...others] = desks.values()
  if (only === undefined || others.length > 0) throw new SagasNotOpenError(desks.size)
  return only
}
