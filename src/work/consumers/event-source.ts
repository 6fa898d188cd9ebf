import type { EventMessage, LogPosition } from '../events/index.ts'

/** A message on its way through a consumer. Exactly one of `ack` and `giveBack` is called, once. */
export interface Delivery {
  readonly message: EventMessage
  /**
   * How often the source has handed this message out before, to anybody; 0 the first time, and where the source cannot
   * know. A message that is never acknowledged because it kills its process is found by it.
   */
  readonly deliveredBefore: number
  /**
   * The consumer is done with the message: its effects are committed, or it is held in the consumer's own tables.
   * Whether it reaches the source is not waited for: what is acknowledged in vain comes again, and is known then.
   */
  ack(): void
  /** The consumer has done nothing with it. It comes again, here or elsewhere, no earlier than `afterMs` from now. */
  giveBack(afterMs: number): void
}

/** What a source is asked for. */
export interface Subscription {
  /** The consumer's name: its place in the source (offset, durable, group, queue) is kept under it. */
  readonly consumer: string
  /** Grows with each replay of the consumer. The log keeps a place for each; a broker's place is that of the name. */
  readonly incarnation: number
  /** Types of events, e.g. `order.placed`. Others may come too, and are acknowledged unseen. */
  readonly types: readonly string[]
  /** Where a consumer that the source has never seen begins: with all that it still has, or with what comes from now on. */
  readonly from: 'beginning' | 'end'
  /**
   * Deliveries that may be unacknowledged at a time. The consumer never asks for more than is left of it; a source
   * whose broker pushes hands it on as prefetch.
   */
  readonly window: number
}

/**
 * Where a consumer's messages come from: the outbox's own log, or a broker.
 *
 * Each message comes at least once; one that is not acknowledged (its process was killed, its connection broke) comes
 * again. Messages of one key come in the order in which they were emitted. After a loss, the source begins again with
 * the oldest message of a key that was not acknowledged; what had been acknowledged may come once more with it. So a
 * second process that takes over sees, of each key, all that the first one may not have finished, in order.
 *
 * The source never drops a message on its own, and never sets one aside: retries and dead letters are the consumer's.
 */
export interface EventSource {
  /** `log`, `nats`, `rabbitmq`, `kafka`: names the source in metrics and messages. */
  readonly name: string
  /** Opens one consumer's stream. It waits for the source to be reachable until the signal aborts. */
  subscribe(subscription: Subscription, signal: AbortSignal): Promise<EventStream>
  /** Makes the place of a consumer's next incarnation, and drops that of the others; where messages can be had again. */
  rewind?(rewind: Rewind): Promise<void>
}

/** From where on a consumer's messages come again. */
export interface Rewind {
  readonly consumer: string
  readonly incarnation: number
  /** What comes after this; or all that the source still has. */
  readonly from: LogPosition | 'beginning'
}

/** One consumer's messages, in this process. */
export interface EventStream {
  /**
   * The longest time after a message was first handed out in which it may be handed out again, in milliseconds, e.g.
   * the age at which the source drops messages. Infinity where nothing bounds it. The consumer remembers handled
   * messages for at least so long, and refuses to start otherwise.
   */
  readonly horizonMs: number
  /**
   * Up to `limit` messages; waits until there is at least one, or the signal aborts (then: none). A broken connection
   * is the source's to mend, meanwhile the call waits; it rejects only where trying again is in vain.
   */
  pull(limit: number, signal: AbortSignal): Promise<readonly Delivery[]>
  /** How far the consumer is behind, where the source can tell; asked for every few seconds. */
  backlog?(): Promise<Backlog>
  /** Hands over the acknowledgements that are still on their way and frees what the stream holds; a second call does nothing. */
  close(): Promise<void>
}

/** What a consumer has not yet handled. */
export interface Backlog {
  /** Messages, as good as the source knows; undefined where it does not. */
  readonly messages: number | undefined
  /** When the oldest of them was emitted, in milliseconds since the epoch; undefined where there is none, or nobody knows. */
  readonly oldestAtMs: number | undefined
}
