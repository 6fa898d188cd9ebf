import { type EventMessage, orderingKey } from '../events/index.ts'
import type { PublishOutcome } from '../outbox/index.ts'

/** What becomes of messages where none can be sent: the first of each key is refused as retryable, the rest is held. */
export function refuseAll (messages: readonly EventMessage[], reason: unknown): readonly PublishOutcome[] {
  const error = reason instanceof Error ? reason : new Error(String(reason))
  const keys = new Set<string>()
  return messages.map((message) => {
    const key = orderingKey(message)
    if (keys.has(key)) return { kind: 'held' }
    keys.add(key)
    return { kind: 'refused', retryable: true, error }
  })
}
