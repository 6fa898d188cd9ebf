import type { NatsConnection, Status } from '@nats-io/transport-node'

/** Whether a connection stands, as long as the client keeps it. */
export interface NatsConnectionWatch {
  readonly connected: boolean
  /** Aborts when the connection that stands now breaks; has aborted while there is none. */
  readonly lost: AbortSignal
}

const watches = new WeakMap<NatsConnection, NatsConnectionWatch>()

/** The same watch for all who ask about a connection. */
export function watchNatsConnection (
  connection: NatsConnection,
  heard: (status: Status) => void = () => {}
): NatsConnectionWatch {
  const known = watches.get(connection)
  if (known !== undefined) return known
  let lost = new AbortController()
  const watch: NatsConnectionWatch = {
    get connected () {
      return !lost.signal.aborted
    },
    get lost () {
      return lost.signal
    },
  }
  watches.set(connection, watch)
  void follow()
  return watch

  /** Until the connection is closed for good. */
  async function follow (): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') lost.abort(new Error(`the connection to ${status.server} broke`))
      if (status.type === 'reconnect') lost = new AbortController()
      heard(status)
    }
    lost.abort(new Error('the connection is closed'))
  }
}
