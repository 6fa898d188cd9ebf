import type { EventMessage } from '../events/index.ts'

export type PublishOutcome =
  /** The broker has it, durably, by its own word. `duplicate`: it says that it had it before. */
  | { readonly kind: 'confirmed'; readonly duplicate?: boolean }
  /**
   * The broker said no, or nothing. `retryable`: another try may succeed (no answer, no connection, no room); the
   * broker may even have it. Not retryable: this message is what it does not take (too large, no such topic).
   */
  | { readonly kind: 'refused'; readonly retryable: boolean; readonly error: Error }
  /** Not sent, since an earlier message of its key was refused. */
  | { readonly kind: 'held' }

/**
 * A broker, seen from the relay. Delivery is at least once: a message whose confirmation was lost is published again
 * under the same id.
 *
 * `publish` keeps the order of each {@link orderingKey}: no message is sent while an earlier one of its key is
 * unconfirmed, unless the broker itself refuses the later one when the earlier is missing. After a refusal, the rest
 * of that key is held; other keys go on.
 */
export interface Publisher extends AsyncDisposable {
  /** Names the broker in metrics and logs: 'nats', 'rabbitmq', 'kafka'. */
  readonly name: string
  /**
   * Resolves when the broker takes messages, connecting where there is no connection. The relay asks before it publishes
   * after a failure, and to tell a broker that is down from a message that it does not take.
   *
   * @throws whatever the reason is that it does not
   */
  check(signal: AbortSignal): Promise<void>
  /**
   * One outcome for each message, in their order. Ends in bounded time whatever the broker does: a confirmation that
   * does not come is refused as retryable. Several calls may run at once, never with messages of one key.
   *
   * @param signal the process stops: what is not confirmed by now is refused as retryable or held
   */
  publish(messages: readonly EventMessage[], signal: AbortSignal): Promise<readonly PublishOutcome[]>
  /** Frees what the publisher opened itself; a second call does nothing. `await using` calls it too. */
  close(): Promise<void>
}
