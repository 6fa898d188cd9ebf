import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import type { Engine } from '../../../engines/index.ts'
import { type Clock, inTime } from '../../../kernel/index.ts'
import type { Backlog, Delivery, Subscription } from '../../consumers/index.ts'
import type { EventMessage } from '../../events/index.ts'
import { Inbound } from '../inbound.ts'
import type { BrittleStream } from '../mending-stream.ts'
import { ensureExchange, type RabbitmqExchange } from './rabbitmq-exchange.ts'
import { readMessage } from './read-message.ts'

export interface QueueStreamOptions {
  readonly engine: Engine<ChannelModel>
  readonly exchange: RabbitmqExchange
  readonly queue: string
  readonly queueType: 'quorum' | 'classic'
  readonly subscription: Subscription
  readonly clock: Clock
}

/** How long a close waits for the server's word, in milliseconds. */
const closeMs = 2_000

/** A consumer of a queue, on a channel of its own. */
export async function openQueueStream (options: QueueStreamOptions): Promise<BrittleStream> {
  const { engine, exchange, queue, subscription, clock } = options
  const connection = await engine.connect()
  if (!await isQueue(connection, queue)) await declareQueue(connection, options)
  const channel = await connection.createChannel()
  const inbound = new Inbound()
  /** Handed out or about to be, and not acknowledged, the oldest first. */
  const open = new Map<number, EventMessage>()
  let closing: Promise<void> | undefined
  channel.on('error', (error) => inbound.fail(error))
  channel.on('close', () => inbound.fail(new Error('the channel was closed')))
  try {
    await ensureExchange(channel, exchange)
    await channel.prefetch(subscription.window)
    for (const type of subscription.types) await channel.bindQueue(queue, exchange.exchange, type)
    await channel.consume(queue, (message) => {
      if (message === null) inbound.fail(new Error(`the queue ${queue} is gone`))
      else if (!inbound.failed) inbound.push(deliveryOf(message))
    })
  } catch (error) {
    await inTime(clock, closeMs, close()).catch(() => {})
    throw error
  }

  function deliveryOf (message: ConsumeMessage): Delivery {
    const { deliveryTag } = message.fields
    const event = readMessage(message)
    open.set(deliveryTag, event)
    return {
      message: event,
      deliveredBefore: deliveredBefore(message),
      ack () {
        if (inbound.failed || !open.delete(deliveryTag)) return
        channel.ack(message)
      },
      // Whatever came behind it may be under way: the queue hands out anew all that is not acknowledged, in its order.
      giveBack: () => inbound.fail(new Error('a message was given back')),
    }
  }

  async function backlog (): Promise<Backlog> {
    const { messageCount } = await channel.checkQueue(queue)
    const [oldest] = open.values()
    return { messages: messageCount + open.size, oldestAtMs: oldest?.occurredAtMs }
  }

  function close (): Promise<void> {
    inbound.fail(new Error('the stream is closed'))
    // The server hears of a channel's end after all that was said on it, acknowledgements included.
    return closing ??= inTime(clock, closeMs, channel.close()).catch(() => {})
  }
  return { pull: (limit, signal) => inbound.pull(limit, signal), backlog, close }
}

/** Asked on a channel of its own, which the server closes when the answer is no. */
async function isQueue (connection: ChannelModel, queue: string): Promise<boolean> {
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  try {
    await channel.checkQueue(queue)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 404) return false
    throw error
  }
  await channel.close()
  return true
}

async function declareQueue (
  connection: ChannelModel,
  { queue, queueType }: QueueStreamOptions
): Promise<void> {
  const channel: Channel = await connection.createChannel()
  channel.on('error', () => {})
  // From version 4 on a quorum queue drops what it has handed out 20 times, unless told not to; before, it does not, and
  // takes no such word.
  const { version } = connection.connection.serverProperties
  const limitless = queueType === 'quorum' && Number.parseInt(version, 10) >= 4
  await channel.assertQueue(queue, {
    durable: true,
    arguments: {
      'x-queue-type': queueType,
      'x-single-active-consumer': true,
      ...(limitless ? { 'x-delivery-limit': -1 } : {}),
    },
  })
  await channel.close()
}

function deliveredBefore ({ fields, properties }: ConsumeMessage): number {
  const count: unknown = properties.headers?.['x-delivery-count']
  return typeof count === 'number' ? count : fields.redelivered ? 1 : 0
}
