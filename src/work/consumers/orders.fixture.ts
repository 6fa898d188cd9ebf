import { Type } from 'typebox'
import { uuidv7 } from '../../kernel/index.ts'
import { defineEvent, type EventMessage, type EventType } from '../events/index.ts'

export interface Placed {
  readonly orderId: string
  readonly nth: number
}

export const orderPlaced: EventType<Placed> = defineEvent(
  'order.placed',
  2,
  Type.Object({ orderId: Type.String(), nth: Type.Number() }),
  { key: ({ orderId }) => orderId }
)

/** The nth event of an order, as it comes from a source. */
export function placed (orderId: string, nth: number, changes: Partial<EventMessage> = {}): EventMessage {
  return {
    id: uuidv7(),
    type: 'order.placed',
    version: 2,
    aggregateType: 'order',
    key: orderId,
    payload: JSON.stringify({ orderId, nth }),
    headers: {},
    occurredAtMs: Date.now(),
    ...changes,
  }
}
