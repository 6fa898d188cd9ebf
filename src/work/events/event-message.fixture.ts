import { uuidv7 } from '../../kernel/index.ts'
import type { EventMessage } from './event-message.ts'
import { logPosition } from './log-position.ts'

let made = 0

/** A message as the relay hands it out, with what `changes` says in place of the usual. */
export function someMessage (changes: Partial<EventMessage> = {}): EventMessage {
  made++
  return {
    id: uuidv7(),
    type: 'order.placed',
    version: 2,
    aggregateType: 'order',
    key: `order-${made}`,
    payload: JSON.stringify({ orderId: `order-${made}` }),
    headers: {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'plimsoll-tenant': 'acme',
    },
    occurredAtMs: 1_700_000_000_000 + made,
    position: logPosition(1, BigInt(1_000 + made), BigInt(made)),
    ...changes,
  }
}
