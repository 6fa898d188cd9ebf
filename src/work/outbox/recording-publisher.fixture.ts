import { type EventMessage, orderingKey } from '../events/index.ts'
import type { Publisher, PublishOutcome } from './publisher.ts'

/** A broker in memory, which does what the test tells it. */
export interface RecordingPublisher extends Publisher {
  /** What the broker has taken, in the order in which it came; a message that came twice is there twice. */
  readonly taken: readonly EventMessage[]
  /** Calls of `publish` so far. */
  readonly calls: number
  /** While true nothing is taken, and `check` rejects. */
  down: boolean
  /** Says of one message that it is not taken. @default undefined: it is taken */
  refuse: (message: EventMessage) => 'never' | 'not now' | undefined
  /** Runs before each call is answered; what it awaits, the call awaits. */
  before: (messages: readonly EventMessage[]) => void | Promise<void>
}

export function recordingPublisher (): RecordingPublisher {
  const taken: EventMessage[] = []
  const ids = new Set<string>()
  let calls = 0
  let closed = false

  function outcomeOf (message: EventMessage): PublishOutcome {
    if (closed || publisher.down)
      return { kind: 'refused', retryable: true, error: new Error('the broker is down') }
    const refused = publisher.refuse(message)
    if (refused !== undefined) {
      return { kind: 'refused', retryable: refused === 'not now', error: new Error(`refused: ${refused}`) }
    }
    const duplicate = ids.has(message.id)
    ids.add(message.id)
    taken.push(message)
    return { kind: 'confirmed', duplicate }
  }

  const close = async (): Promise<void> => {
    closed = true
  }
  const publisher: RecordingPublisher = {
    name: 'recording',
    taken,
    get calls () {
      return calls
    },
    down: false,
    refuse: () => undefined,
    before: () => {},
    async check () {
      if (closed || publisher.down) throw new Error('the broker is down')
    },
    async publish (messages, signal) {
      calls++
      await publisher.before(messages)
      const stuck = new Set<string>()
      return messages.map((message) => {
        if (signal.aborted || stuck.has(orderingKey(message))) return { kind: 'held' }
        const outcome = outcomeOf(message)
        if (outcome.kind === 'refused') stuck.add(orderingKey(message))
        return outcome
      })
    },
    close,
    [Symbol.asyncDispose]: close,
  }
  return publisher
}
