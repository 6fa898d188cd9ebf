import type { Clock } from '../../kernel/index.ts'
import { type EventMessage, orderingKey } from '../events/index.ts'
import type { PublishOutcome } from '../outbox/index.ts'
import { UnconfirmedError } from './errors.ts'

export interface PublishCallOptions {
  readonly clock: Clock
  /** When the call is given up, in milliseconds from the start. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Aborts when nothing more will be confirmed, with the reason: the connection broke. */
  readonly lost?: AbortSignal
}

/**
 * What became of the messages of one call, as it becomes known. A refusal holds what comes behind it of the same key.
 * The call ends in bounded time: given up, the first open message of each key is refused as retryable.
 */
export class PublishCall {
  readonly messages: readonly EventMessage[]
  /** One outcome for each message, in their order, once all are known. */
  readonly result: Promise<readonly PublishOutcome[]>
  readonly #outcomes: (PublishOutcome | undefined)[]
  readonly #keys: readonly string[]
  readonly #stuck = new Set<string>()
  readonly #finish: () => void
  #open: number

  constructor (messages: readonly EventMessage[], { clock, timeoutMs, signal, lost }: PublishCallOptions) {
    this.messages = messages
    this.#outcomes = Array.from({ length: messages.length })
    this.#keys = messages.map(orderingKey)
    this.#open = messages.length
    const { promise, resolve } = Promise.withResolvers<readonly PublishOutcome[]>()
    this.result = promise
    const cancel = clock.after(timeoutMs, () => this.giveUp(new UnconfirmedError(` within ${timeoutMs} ms`)))
    const stop = (): void => this.giveUp(new UnconfirmedError(' before the process stopped'))
    const lose = (): void => this.giveUp(new UnconfirmedError(`, since ${messageOf(lost?.reason)}`))
    signal.addEventListener('abort', stop, { once: true })
    lost?.addEventListener('abort', lose, { once: true })
    this.#finish = () => {
      cancel()
      signal.removeEventListener('abort', stop)
      lost?.removeEventListener('abort', lose)
      resolve(this.#outcomes as PublishOutcome[])
    }
    if (this.#open === 0) this.#finish()
    else if (signal.aborted) stop()
    else if (lost?.aborted === true) lose()
  }

  /** All outcomes are known. */
  get over (): boolean {
    return this.#open === 0
  }

  keyOf (at: number): string {
    return this.#keys[at]!
  }

  /** Nothing is known of it yet. */
  isOpen (at: number): boolean {
    return this.#outcomes[at] === undefined
  }

  /** An earlier message of its key was refused. */
  isStuck (at: number): boolean {
    return this.#stuck.has(this.keyOf(at))
  }

  /** What is known already stays. */
  settle (at: number, outcome: PublishOutcome): void {
    if (!this.isOpen(at)) return
    this.#outcomes[at] = outcome
    this.#open--
    if (outcome.kind === 'refused') this.#stuck.add(this.keyOf(at))
    if (this.#open === 0) this.#finish()
  }

  /** Refuses the first open message of each key, and holds the rest. */
  giveUp (error: Error, retryable: boolean = true, indexes: Iterable<number> = this.messages.keys()): void {
    for (const at of indexes) {
      if (!this.isOpen(at)) continue
      this.settle(at, this.isStuck(at) ? { kind: 'held' } : { kind: 'refused', retryable, error })
    }
  }
}

function messageOf (reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason)
}
