import type { Pool } from 'pg'
import { poolOf, type Transaction } from '../../data/index.ts'
import { EventsNotOpenError } from './errors.ts'
import type { EventMessage } from './event-message.ts'

/** An event that is not written yet. */
export type NewEvent = Omit<EventMessage, 'position' | 'occurredAtMs'>

/** An event as it was written. */
export type WrittenEvent = Required<EventMessage>

/** Where events are written: what an event needs of an open outbox. */
export interface EventOutlet {
  /** Writes them as a part of `tx`, in their order; they are there once it commits. */
  append(tx: Transaction, events: readonly NewEvent[]): Promise<readonly WrittenEvent[]>
}

/** Of this process, by the pool they were opened on. */
const outlets: Map<Pool, EventOutlet> = new Map()

/** From now on events that are emitted in transactions of the pool go to this outlet. */
export function bindOutlet (pool: Pool, outlet: EventOutlet): void {
  outlets.set(pool, outlet)
}

export function unbindOutlet (pool: Pool, outlet: EventOutlet): void {
  if (outlets.get(pool) === outlet) outlets.delete(pool)
}

/**
 * The outlet of the transaction's pool, or of `tx` where that is a pool itself; for transactions that were begun by other
 * means the only one there is.
 *
 * @throws EventsNotOpenError
 */
export function outletOf (tx: Transaction): EventOutlet {
  const own = outlets.get((poolOf(tx) ?? tx) as Pool)
  if (own !== undefined) return own
  const [only, ...others] = outlets.values()
  if (only === undefined || others.length > 0) throw new EventsNotOpenError(outlets.size)
  return only
}
