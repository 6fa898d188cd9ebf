import type { Clock } from '../../kernel/index.ts'
import { type EventMessage, orderingKey } from '../events/index.ts'
import type { PublishOutcome } from '../outbox/index.ts'
import { UnconfirmedError } from './errors.ts'

export interface InKeyOrderOptions {
  readonly clock: Clock
  /** Messages that may be unconfirmed at a time. */
  readonly window: number
  /** When it is given up, in milliseconds from the start. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Aborts when nothing more will be confirmed, with the reason: the connection broke. */
  readonly lost?: AbortSignal
}

/** Gives one message to the broker and says, once, what became of it; may say so before it returns. */
export type SendOne = (message: EventMessage, done: (outcome: PublishOutcome) => void) => void

/**
 * Publishes many messages at once, and of each key one after another: the next one is sent when the one before it is
 * confirmed. After a refusal the rest of the key is held.
 *
 * Ends in bounded time: when it is given up, the next message of each key is refused as retryable, and the rest held.
 *
 * @returns one outcome for each message, in their order
 */
export function publishInKeyOrder (
  messages: readonly EventMessage[],
  send: SendOne,
  { clock, window, timeoutMs, signal, lost }: InKeyOrderOptions
): Promise<readonly PublishOutcome[]> {
  if (messages.length === 0) return Promise.resolve([])
  const outcomes = new Array<PublishOutcome | undefined>(messages.length)
  const lanes = lanesOf(messages)
  /** Lanes whose next message may be sent, the one that waits longest first. */
  const ready: Lane[] = [...lanes]
  let unsettled = messages.length
  let unconfirmed = 0
  let pumping = false

  return new Promise((resolve) => {
    const cancel = clock.after(timeoutMs, () => giveUp(new UnconfirmedError(`within ${timeoutMs} ms`)))
    const stop = (): void => giveUp(new UnconfirmedError('before the process stopped'))
    const lose = (): void => giveUp(new UnconfirmedError(`since ${messageOf(lost?.reason)}`))
    signal.addEventListener('abort', stop, { once: true })
    lost?.addEventListener('abort', lose, { once: true })
    if (signal.aborted) stop()
    else if (lost?.aborted === true) lose()
    else pump()

    function pump (): void {
      // A broker that answers at once calls back from within.
      if (pumping) return
      pumping = true
      for (
        let lane = ready[0];
        lane !== undefined && unconfirmed < window && unsettled > 0;
        lane = ready[0]
      ) {
        ready.shift()
        start(lane)
      }
      pumping = false
    }

    function start (lane: Lane): void {
      const at = lane.indexes[lane.next]!
      unconfirmed++
      send(messages[at]!, (outcome) => {
        if (outcomes[at] !== undefined) return
        unconfirmed--
        settle(at, outcome)
        lane.next++
        if (outcome.kind !== 'confirmed') {
          for (; lane.next < lane.indexes.length; lane.next++)
            settle(lane.indexes[lane.next]!, { kind: 'held' })
        } else if (lane.next < lane.indexes.length) {
          ready.push(lane)
        }
        if (unsettled === 0) finish()
        else pump()
      })
    }

    function settle (at: number, outcome: PublishOutcome): void {
      outcomes[at] = outcome
      unsettled--
    }

    function giveUp (error: Error): void {
      for (const { indexes, next } of lanes) {
        for (const at of indexes.slice(next)) {
          settle(at, at === indexes[next] ? { kind: 'refused', retryable: true, error } : { kind: 'held' })
        }
      }
      finish()
    }

    function finish (): void {
      cancel()
      signal.removeEventListener('abort', stop)
      lost?.removeEventListener('abort', lose)
      resolve(outcomes as PublishOutcome[])
    }
  })
}

/** The places of one key's messages, and how far it has come. */
interface Lane {
  readonly indexes: readonly number[]
  next: number
}

function lanesOf (messages: readonly EventMessage[]): readonly Lane[] {
  const byKey = new Map<string, number[]>()
  for (const [at, message] of messages.entries()) {
    const key = orderingKey(message)
    const indexes = byKey.get(key)
    if (indexes === undefined) byKey.set(key, [at])
    else indexes.push(at)
  }
  return [...byKey.values()].map((indexes) => ({ indexes, next: 0 }))
}

function messageOf (reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason)
}

/** What becomes of messages where none can be sent. */
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
