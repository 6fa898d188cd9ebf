import type { ChannelModel, ConfirmChannel, Message } from 'amqplib'
import type { Engine } from '../../../engines/index.ts'
import { type Clock, SettingError, systemClock } from '../../../kernel/index.ts'
import type { EventMessage } from '../../events/index.ts'
import type { Publisher, PublishOutcome } from '../../outbox/index.ts'
import { headersFor } from '../envelope.ts'
import { BrokerPartClosedError, PublishRefusedError } from '../errors.ts'
import { publishInKeyOrder } from '../in-key-order.ts'
import { refuseAll } from '../refuse-all.ts'
import {
  ensureExchange,
  maxShortText,
  type RabbitmqExchangeOptions,
  resolveRabbitmqExchange,
} from './rabbitmq-exchange.ts'

export interface RabbitmqPublisherOptions extends RabbitmqExchangeOptions {
  /** Yours to close. */
  readonly engine: Engine<ChannelModel>
  /**
   * What becomes of an event that no queue is bound for: 'refuse' says that this message is not taken, so that no event
   * is lost unnoticed; 'accept' drops it, as RabbitMQ does by itself. @default 'refuse'
   */
  readonly unroutable?: 'refuse' | 'accept'
  /**
   * The largest payload, in bytes. RabbitMQ closes the channel over a larger one than its `max_message_size`, with all
   * that is unconfirmed on it, so set no more here. @default 16 MiB, what RabbitMQ 4 takes unless told otherwise
   */
  readonly maxPayloadBytes?: number
  /** How long one call of `publish` waits for confirmations, in milliseconds; above 0. @default 10,000 */
  readonly confirmTimeoutMs?: number
  /** Messages that may be unconfirmed at a time; at least 1. @default 500 */
  readonly window?: number
  readonly clock?: Clock
}

/** A channel of a connection, while it lasts. */
interface Opened {
  readonly channel: ConfirmChannel
  /** Aborts when the channel ends, with the reason. */
  readonly lost: AbortSignal
  /** Ids of messages that came back for want of a queue, until they are confirmed. */
  readonly returned: Set<string>
}

/**
 * Publishes to a topic exchange of RabbitMQ, persistently and with publisher confirms: a message is confirmed when
 * every queue that it was routed to has it, on disk where the queue is durable. RabbitMQ knows no duplicates; consumers
 * tell them by the message's id.
 *
 * @throws SettingError for options that are not valid
 */
export function rabbitmqPublisher (options: RabbitmqPublisherOptions): Publisher {
  const { engine, unroutable = 'refuse', maxPayloadBytes = 16 * 1024 * 1024 } = options
  const { confirmTimeoutMs = 10_000, window = 500, clock = systemClock } = options
  const exchange = resolveRabbitmqExchange(options)
  if (!(maxPayloadBytes >= 1))
    throw new SettingError('rabbitmq.maxPayloadBytes', 'at least 1', maxPayloadBytes)
  if (!(confirmTimeoutMs > 0))
    throw new SettingError('rabbitmq.confirmTimeoutMs', 'above 0', confirmTimeoutMs)
  if (!(window >= 1)) throw new SettingError('rabbitmq.window', 'at least 1', window)
  let opening: Promise<Opened> | undefined
  let closed = false

  /** The channel that stands, or the next one. */
  async function open (): Promise<Opened> {
    if (closed) throw new BrokerPartClosedError('the publisher for rabbitmq')
    const current = opening ??= openChannel()
    try {
      const opened = await current
      if (!opened.lost.aborted) return opened
    } catch (error) {
      if (opening === current) opening = undefined
      throw error
    }
    if (opening === current) opening = undefined
    return await open()
  }

  async function openChannel (): Promise<Opened> {
    const connection = await engine.connect()
    const channel = await connection.createConfirmChannel()
    const lost = new AbortController()
    const returned = new Set<string>()
    // Without a listener, a channel that the server closes would end the process.
    channel.on('error', (error) => lost.abort(error))
    channel.on('close', () => lost.abort(new Error('the channel was closed')))
    channel.on('return', ({ properties }: Message) => returned.add(String(properties.messageId)))
    await ensureExchange(channel, exchange)
    return { channel, lost: lost.signal, returned }
  }

  async function check (signal: AbortSignal): Promise<void> {
    await engine.check(signal)
    const { channel } = await open()
    await channel.checkExchange(exchange.exchange)
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
    const send = (message: EventMessage, done: (outcome: PublishOutcome) => void): void =>
      sendOne(current, message, done)
    const { lost } = current
    return await publishInKeyOrder(messages, send, {
      clock,
      window,
      timeoutMs: confirmTimeoutMs,
      signal,
      lost,
    })
  }

  function sendOne (
    { channel, returned }: Opened,
    message: EventMessage,
    done: (outcome: PublishOutcome) => void
  ): void {
    const content = Buffer.from(message.payload)
    const reason = whyUnfit(message, content)
    if (reason !== undefined) return done(refusal(false, reason))
    const { id, type, occurredAtMs } = message
    try {
      channel.publish(exchange.exchange, type, content, {
        messageId: id,
        type,
        timestamp: Math.floor(occurredAtMs / 1000),
        contentType: 'application/json',
        persistent: true,
        mandatory: unroutable === 'refuse',
        headers: Object.fromEntries(headersFor(message)),
      }, (error: unknown) => {
        // It comes back before it is confirmed.
        const cameBack = returned.delete(id)
        if (error !== null && error !== undefined) return done(refusal(true, 'it was not confirmed', error))
        done(cameBack ? refusal(false, `no queue is bound for ${type}`) : { kind: 'confirmed' })
      })
    } catch (error) {
      // Headers that do not fit into one table; or a channel that has just ended.
      done(
        refusal(!(error instanceof RangeError), error instanceof Error ? error.message : String(error), error)
      )
    }
  }

  function whyUnfit ({ id, type }: EventMessage, { length }: Buffer): string | undefined {
    if (length > maxPayloadBytes) return `its ${length} bytes are more than ${maxPayloadBytes}`
    const long = [id, type].find((text) => Buffer.byteLength(text) > maxShortText)
    return long === undefined ? undefined : 'its id or type is longer than 255 bytes'
  }

  async function close (): Promise<void> {
    if (closed) return
    closed = true
    const opened = await opening?.catch(() => undefined)
    if (opened?.lost.aborted === false) await opened.channel.close().catch(() => {})
  }
  return { name: 'rabbitmq', check, publish, close, [Symbol.asyncDispose]: close }
}

function refusal (retryable: boolean, reason: string, cause?: unknown): PublishOutcome {
  return { kind: 'refused', retryable, error: new PublishRefusedError('rabbitmq', reason, cause) }
}
