import type { NatsConnection, NodeConnectionOptions, Status } from '@nats-io/transport-node'
import { type Clock, systemClock, untilAborted } from '../../kernel/index.ts'
import type { Engine } from '../engine.ts'
import { EngineClosedError, EngineUnavailableError } from '../errors.ts'
import { HeldClient } from '../held-client.ts'
import { watchNatsConnection } from './connection-watch.ts'
import { explainNatsError } from './explain.ts'
import { loadNatsTransport } from './load-nats.ts'
import { readNatsTarget } from './target.ts'

export interface NatsEngineOptions {
  /** `nats://user:password@host:port`, `nats://token@host:port`, `tls:` for TLS; several for a cluster. */
  readonly url: string | readonly string[]
  /** How long `connect` may take, in milliseconds. @default 5,000 */
  readonly connectTimeoutMs?: number
  /**
   * The connection is probed at this interval, in milliseconds, and given up and made again when two probes stay
   * without an answer: one that was cut off without a reset is noticed by nothing else. @default 5,000
   */
  readonly pingIntervalMs?: number
  /** Hears of connections that broke. The client replaces them; nothing needs to be done. */
  readonly onConnectionError?: (error: Error) => void
  /** What else the client takes: keys and JWTs (`authenticator`), certificates (`tls`), `inboxPrefix`, `name`. */
  readonly client?: Omit<NodeConnectionOptions, 'servers' | 'reconnect' | 'maxReconnectAttempts' | 'timeout'>
  readonly clock?: Clock
}

/** The longest pause between two attempts to reconnect, in milliseconds. */
const longestPauseMs = 2_000

/**
 * One connection to NATS, through the optional package `@nats-io/transport-node`. When it breaks it is made again, for
 * as long as the engine is open; what was published meanwhile may be lost, as NATS promises nothing without JetStream.
 *
 * @throws SettingError for a wrong URL; it never repeats the URL, which may hold a password
 */
export function natsEngine (options: NatsEngineOptions): Engine<NatsConnection> {
  const {
    url,
    connectTimeoutMs = 5_000,
    pingIntervalMs = 5_000,
    onConnectionError,
    client,
    clock = systemClock,
  } = options
  const { tls, servers, ...credentials } = readNatsTarget(url)
  const target = servers.join(',')

  function unavailable (error: unknown, reason = explainNatsError(error)): EngineUnavailableError {
    return new EngineUnavailableError('nats', target, reason, error)
  }

  async function open (): Promise<NatsConnection> {
    const { connect } = await loadNatsTransport()
    let attempts = 0
    let connected = false
    const opening = connect({
      ...credentials,
      ...(tls ? { tls: {} } : {}),
      ...client,
      servers: [...servers],
      reconnect: true,
      maxReconnectAttempts: -1,
      timeout: connectTimeoutMs,
      pingInterval: pingIntervalMs,
      reconnectDelayHandler: () => Math.min(50 * ++attempts, longestPauseMs),
    })
    const timeout = new AbortController()
    const cancel = clock.after(connectTimeoutMs, () => timeout.abort())
    try {
      const connection = await untilAborted(opening, timeout.signal)
      connected = true
      watchNatsConnection(connection, (status) => {
        if (status.type === 'reconnect') attempts = 0
        else hear(status)
      })
      connection.closed().finally(() => held.forget(connection)).catch(() => {})
      return connection
    } catch (error) {
      throw timeout.signal.aborted ?
        unavailable(error, 'it did not answer in time; check host, port and firewall') :
        unavailable(error)
    } finally {
      cancel()
      // One that comes up when nobody waits for it any more.
      if (!connected) opening.then((late) => late.close()).catch(() => {})
    }
  }

  function hear (status: Status): void {
    if (status.type === 'disconnect') {
      onConnectionError?.(
        unavailable(undefined, `the connection to ${status.server} broke; it is being made again`)
      )
    } else if (status.type === 'error') {
      onConnectionError?.(unavailable(status.error))
    }
  }

  const held = new HeldClient('nats', open, (connection) => connection.close())

  async function check (signal: AbortSignal): Promise<void> {
    try {
      const connection = await untilAborted(held.get(), signal)
      if (!watchNatsConnection(connection).connected)
        throw unavailable(undefined, 'the connection is broken; it is being made again')
      await untilAborted(connection.rtt(), signal)
    } catch (error) {
      if (error instanceof EngineClosedError || error instanceof EngineUnavailableError) throw error
      throw signal.aborted ? unavailable(signal.reason, 'it did not answer in time') : unavailable(error)
    }
  }

  const close = (): Promise<void> => held.close()
  return { name: 'nats', connect: () => held.get(), check, close, [Symbol.asyncDispose]: close }
}
