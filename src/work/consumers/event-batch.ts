import type { EventMessage, EventType } from '../events/index.ts'

/** An event as it was received, with its payload read. */
export interface ReceivedEvent {
  readonly type: string
  /** As the newest version has it. */
  readonly payload: unknown
  readonly message: EventMessage
}

/** Events in the order in which they came. */
export class EventBatch implements Iterable<ReceivedEvent> {
  readonly #events: readonly ReceivedEvent[]

  /** @throws EventVersionError, EventUnreadableError of the first message that cannot be read */
  constructor (messages: readonly EventMessage[], types: ReadonlyMap<string, EventType>) {
    this.#events = messages.map((message) => ({
      type: message.type,
      payload: types.get(message.type)?.read(message),
      message,
    }))
  }

  get length (): number {
    return this.#events.length
  }

  [Symbol.iterator] (): Iterator<ReceivedEvent> {
    return this.#events[Symbol.iterator]()
  }

  /** The payloads of the events of one type, in their order: for statements that take many rows. */
  of<Payload> (event: EventType<Payload>): readonly Payload[] {
    return this.#events.filter(({ type }) => type === event.type).map(({ payload }) => payload as Payload)
  }
}
