import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import {
  type Engine,
  loadNatsJetstream,
  loadNatsTransport,
  type NatsTransport,
  watchNatsConnection,
} from '../../../engines/index.ts'
import { type Clock, SettingError, systemClock } from '../../../kernel/index.ts'
import type { EventMessage } from '../../events/index.ts'
import type { Publisher, PublishOutcome } from '../../outbox/index.ts'
import { headersFor } from '../envelope.ts'
import { BrokerPartClosedError, PublishRefusedError } from '../errors.ts'
import { publishInKeyOrder } from '../in-key-order.ts'
import { refuseAll } from '../refuse-all.ts'
import {
  ensureStream,
  type NatsStreamOptions,
  type NatsStreamPlace,
  resolveNatsStream,
  safeText,
  subjectOf,
} from './nats-stream.ts'

export interface NatsPublisherOptions extends NatsStreamOptions {
  /** Yours to close. */
  readonly engine: Engine<NatsConnection>
  /** How long one call of `publish` waits for confirmations, in milliseconds; above 0. @default 10,000 */
  readonly confirmTimeoutMs?: number
  /** Messages that may be unconfirmed at a time; at least 1. @default 500 */
  readonly window?: number
  readonly clock?: Clock
}

/** A connection with all that publishing needs. */
interface Opened {
  readonly connection: NatsConnection
  readonly transport: NatsTransport
  readonly jetstream: JetStreamClient
}

/**
 * Publishes to NATS JetStream, each message under its id as `Nats-Msg-Id`: what is published again within the stream's
 * duplicate window is confirmed as a duplicate and stored once.
 *
 * @throws SettingError for options that are not valid
 */
export function natsPublisher (options: NatsPublisherOptions): Publisher {
  const { engine, confirmTimeoutMs = 10_000, window = 500, clock = systemClock } = options
  const place = resolveNatsStream(options)
  if (!(confirmTimeoutMs > 0)) throw new SettingError('nats.confirmTimeoutMs', 'above 0', confirmTimeoutMs)
  if (!(window >= 1)) throw new SettingError('nats.window', 'at least 1', window)
  let opened: Promise<Opened> | undefined
  let closed = false

  /** Connects, and makes sure of the stream once. */
  function open (): Promise<Opened> {
    if (closed) return Promise.reject(new BrokerPartClosedError('the publisher for nats'))
    opened ??= openPublisher(engine, place, confirmTimeoutMs)
    opened.catch(() => opened = undefined)
    return opened
  }

  async function check (signal: AbortSignal): Promise<void> {
    await engine.check(signal)
    const { connection } = await open()
    const { jetstreamManager } = await loadNatsJetstream()
    // Fails where JetStream is off, or has no leader at present.
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: confirmTimeoutMs })
    await manager.streams.info(place.stream)
    signal.throwIfAborted()
  }

  async function publish (
    messages: readonly EventMessage[],
    signal: AbortSignal
  ): Promise<readonly PublishOutcome[]> {
    let current: Opened
    try {
      current = await open()
    } catch (error) {
      return refuseAll(messages, error)
    }
    const { lost } = watchNatsConnection(current.connection)
    const send = (message: EventMessage, done: (outcome: PublishOutcome) => void): void =>
      void sendOne(current, message, done)
    return await publishInKeyOrder(messages, send, {
      clock,
      window,
      timeoutMs: confirmTimeoutMs,
      signal,
      lost,
    })
  }

  async function sendOne (
    opened: Opened,
    message: EventMessage,
    done: (outcome: PublishOutcome) => void
  ): Promise<void> {
    let outcome: PublishOutcome
    try {
      outcome = { kind: 'confirmed', duplicate: await store(opened, message) }
    } catch (error) {
      outcome = refusalOf(error)
    }
    done(outcome)
  }

  /** @returns whether the stream had it before */
  async function store ({ jetstream, transport }: Opened, message: EventMessage): Promise<boolean> {
    const headers = transport.headers()
    for (const [name, value] of headersFor(message)) headers.append(name, safeText(value))
    const { duplicate } = await jetstream.publish(subjectOf(place, message.type), message.payload, {
      msgID: message.id,
      headers,
      timeout: confirmTimeoutMs,
      // Another stream that takes the same subject would confirm as well.
      expect: { streamName: place.stream },
    })
    return duplicate
  }

  const close = async (): Promise<void> => {
    closed = true
    opened = undefined
  }
  return { name: 'nats', check, publish, close, [Symbol.asyncDispose]: close }
}

async function openPublisher (
  engine: Engine<NatsConnection>,
  place: NatsStreamPlace,
  timeout: number
): Promise<Opened> {
  const [connection, transport, { jetstream, jetstreamManager }] = await Promise.all([
    engine.connect(),
    loadNatsTransport(),
    loadNatsJetstream(),
  ])
  const manager: JetStreamManager = await jetstreamManager(connection, { checkAPI: false, timeout })
  await ensureStream(manager, place)
  return { connection, transport, jetstream: jetstream(connection, { timeout }) }
}

/** The server's own numbers of errors; others may pass. */
const tooLargeForStream = 10_054

function refusalOf (error: unknown): PublishOutcome {
  const said = error instanceof Error ? error.message : String(error)
  const number = error instanceof Error && 'code' in error ? error.code : undefined
  const tooLarge = number === tooLargeForStream || said.includes('max_payload')
  return {
    kind: 'refused',
    retryable: !tooLarge,
    error: new PublishRefusedError('nats', tooLarge ? `it is too large (${said})` : said, error),
  }
}
