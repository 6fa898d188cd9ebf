import type { EventMessage } from '../events/index.ts'
import type { PublishOutcome } from '../outbox/index.ts'
import { PublishCall, type PublishCallOptions } from './publish-call.ts'

export interface InKeyOrderOptions extends PublishCallOptions {
  /** Messages that may be unconfirmed at a time. */
  readonly window: number
}

/** Gives one message to the broker and says, once, what became of it; may say so before it returns. */
export type SendOne = (message: EventMessage, done: (outcome: PublishOutcome) => void) => void

/**
 * Publishes many messages at once, and of each key one after another: the next one is sent when the one before it is
 * confirmed. After a refusal the rest of the key is held. Ends in bounded time.
 *
 * @returns one outcome for each message, in their order
 */
export function publishInKeyOrder (
  messages: readonly EventMessage[],
  send: SendOne,
  options: InKeyOrderOptions
): Promise<readonly PublishOutcome[]> {
  const call = new PublishCall(messages, options)
  /** The messages that are left of a key whose next one may be sent; the key that waits longest first. */
  const ready: number[][] = [...Map.groupBy(messages.keys(), (at) => call.keyOf(at)).values()]
  let unconfirmed = 0
  let pumping = false
  pump()
  return call.result

  function pump (): void {
    // A broker that answers at once calls back from within.
    if (pumping) return
    pumping = true
    while (unconfirmed < options.window && !call.over) {
      const lane = ready.shift()
      if (lane === undefined) break
      start(lane)
    }
    pumping = false
  }

  function start (lane: number[]): void {
    const at = lane.shift()!
    unconfirmed++
    send(messages[at]!, (outcome) => {
      unconfirmed--
      call.settle(at, outcome)
      if (outcome.kind !== 'confirmed') { for (const held of lane) call.settle(held, { kind: 'held' }) }
      else if (lane.length > 0) ready.push(lane)
      pump()
    })
  }
}
