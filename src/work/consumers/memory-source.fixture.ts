import type { EventMessage } from '../events/index.ts'
import type { Delivery, EventSource, EventStream, Rewind, Subscription } from './event-source.ts'

/** A source in memory: what is not acknowledged comes again, in order, to whoever subscribes next. */
export class MemorySource implements EventSource {
  readonly name: string = 'memory'
  horizonMs = 60_000
  /** All that was sent, in order. */
  readonly sent: EventMessage[] = []
  readonly acknowledged: Set<EventMessage> = new Set()
  /** How often messages were handed out. */
  readonly handedOut: Map<EventMessage, number> = new Map()
  readonly subscriptions: Subscription[] = []
  /** Most messages that were handed out and not acknowledged at a time. */
  mostOpen = 0
  #open = 0
  #wake: PromiseWithResolvers<void> = Promise.withResolvers()

  send (...messages: readonly EventMessage[]): void {
    this.sent.push(...messages)
    this.#wakeUp()
  }

  #wakeUp (): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  async rewind (_rewind: Rewind): Promise<void> {
    this.acknowledged.clear()
    this.#wakeUp()
  }

  async subscribe (subscription: Subscription): Promise<EventStream> {
    this.subscriptions.push(subscription)
    const taken = new Set<EventMessage>()
    const closed = new AbortController()
    this.#open = 0
    const deliver = (message: EventMessage): Delivery => {
      taken.add(message)
      const deliveredBefore = this.handedOut.get(message) ?? 0
      this.handedOut.set(message, deliveredBefore + 1)
      this.mostOpen = Math.max(this.mostOpen, ++this.#open)
      const end = (): void => {
        this.#open--
        this.#wakeUp()
      }
      return {
        message,
        deliveredBefore,
        ack: () => {
          this.acknowledged.add(message)
          end()
        },
        giveBack: () => {
          taken.delete(message)
          end()
        },
      }
    }
    return {
      horizonMs: this.horizonMs,
      pull: async (limit, signal) => {
        const stop = Promise.withResolvers<void>()
        signal.addEventListener('abort', () => stop.resolve(), { once: true })
        while (!signal.aborted && !closed.signal.aborted) {
          const due = this.sent.filter((message) => !this.acknowledged.has(message) && !taken.has(message))
          if (due.length > 0) return due.slice(0, limit).map(deliver)
          await Promise.race([this.#wake.promise, stop.promise])
        }
        return []
      },
      close: async () => {
        closed.abort()
        this.#wakeUp()
      },
    }
  }
}
