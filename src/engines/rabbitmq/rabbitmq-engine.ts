import type { ChannelModel, SocketOptions } from 'amqplib'
import { type Clock, SettingError, systemClock, untilAborted } from '../../kernel/index.ts'
import type { Engine } from '../engine.ts'
import { EngineClosedError, EngineUnavailableError } from '../errors.ts'
import { HeldClient } from '../held-client.ts'
import { explainRabbitmqError } from './explain.ts'
import { loadAmqplib } from './load-amqplib.ts'
import { type RabbitmqTarget, readRabbitmqTargets } from './target.ts'

export interface RabbitmqEngineOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps:` for TLS; several for a cluster, tried in their order. */
  readonly url: string | readonly string[]
  /** How long `connect` may take, for each server, in milliseconds. @default 5,000 */
  readonly connectTimeoutMs?: number
  /**
   * Both sides show a sign of life at this interval, in whole seconds; at least 1. A server that is silent for two to
   * three of them is given up: a connection that was cut off without a reset is noticed by nothing else. @default 10
   */
  readonly heartbeatSeconds?: number
  /** Hears of connections that broke. The next `connect` makes another; nothing needs to be done. */
  readonly onConnectionError?: (error: Error) => void
  /** For `amqps:`, e.g. `ca`, `cert` and `key`. */
  readonly tls?: Omit<SocketOptions, 'timeout' | 'noDelay' | 'keepAlive'>
  readonly clock?: Clock
}

/** How long a close waits for the server's word, in milliseconds. */
const closeMs = 1_000

/**
 * One connection to RabbitMQ, through the optional package `amqplib`. A connection that broke is forgotten: whoever
 * holds channels of it asks `connect` for the next one, and gets the same as all others.
 *
 * @throws SettingError for a wrong URL; it never repeats the URL, which may hold a password
 */
export function rabbitmqEngine (options: RabbitmqEngineOptions): Engine<ChannelModel> {
  const {
    url,
    connectTimeoutMs = 5_000,
    heartbeatSeconds = 10,
    onConnectionError,
    tls,
    clock = systemClock,
  } = options
  const targets = readRabbitmqTargets(url)
  if (!(Number.isInteger(heartbeatSeconds) && heartbeatSeconds >= 1)) {
    throw new SettingError('rabbitmq.heartbeatSeconds', 'a whole number of at least 1', heartbeatSeconds)
  }
  const target = targets.map(({ name }) => name).join(',')
  /** Connections that the server does not read from at present, and why. */
  const blocked = new WeakMap<ChannelModel, string>()

  function unavailable (error: unknown, reason = explainRabbitmqError(error)): EngineUnavailableError {
    return new EngineUnavailableError('rabbitmq', target, reason, error)
  }

  async function open (): Promise<ChannelModel> {
    let last: unknown
    for (const one of targets) {
      try {
        return await enter(one)
      } catch (error) {
        last = error
      }
    }
    throw last
  }

  async function enter ({ connect }: RabbitmqTarget): Promise<ChannelModel> {
    const amqplib = await loadAmqplib()
    const opening = amqplib.connect({ ...connect, heartbeat: heartbeatSeconds }, {
      ...tls,
      noDelay: true,
      timeout: connectTimeoutMs,
    })
    const timeout = new AbortController()
    const cancel = clock.after(connectTimeoutMs, () => timeout.abort())
    let inTime = false
    try {
      const connection = await untilAborted(opening, timeout.signal)
      inTime = true
      watch(connection)
      return connection
    } catch (error) {
      throw timeout.signal.aborted ?
        unavailable(error, 'it did not answer in time; check host, port and firewall') :
        unavailable(error)
    } finally {
      cancel()
      // One that comes up when nobody waits for it any more.
      if (!inTime) opening.then((late) => late.close()).catch(() => {})
    }
  }

  function watch (connection: ChannelModel): void {
    // Without a listener, a broken connection would end the process.
    connection.on('error', (error) => onConnectionError?.(unavailable(error)))
    connection.on('blocked', (reason: string) => blocked.set(connection, reason))
    connection.on('unblocked', () => blocked.delete(connection))
    connection.on('close', () => held.forget(connection))
  }

  async function free (connection: ChannelModel): Promise<void> {
    const late = new AbortController()
    const cancel = clock.after(closeMs, () => late.abort())
    try {
      await untilAborted(connection.close(), late.signal)
    } catch {
      // It is closed already, or its server says nothing: the heartbeat ends it.
    } finally {
      cancel()
    }
  }

  const held = new HeldClient('rabbitmq', open, free)

  async function check (signal: AbortSignal): Promise<void> {
    try {
      const connection = await untilAborted(held.get(), signal)
      const reason = blocked.get(connection)
      if (reason !== undefined) throw unavailable(undefined, `it takes no messages at present: ${reason}`)
      // AMQP has no ping; a channel of its own is opened and closed instead.
      const opening = connection.createChannel()
      opening.then((channel) => channel.close()).catch(() => {})
      await untilAborted(opening, signal)
    } catch (error) {
      if (error instanceof EngineClosedError || error instanceof EngineUnavailableError) throw error
      throw signal.aborted ? unavailable(signal.reason, 'it did not answer in time') : unavailable(error)
    }
  }

  const close = (): Promise<void> => held.close()
  return { name: 'rabbitmq', connect: () => held.get(), check, close, [Symbol.asyncDispose]: close }
}
