import { OpenedOn, type Transaction } from '../../data/index.ts'
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

/** Where events go that are emitted in transactions of a pool. */
export const outlets: OpenedOn<EventOutlet> = new OpenedOn((open) => new EventsNotOpenError(open))
