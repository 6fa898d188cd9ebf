import type { ChannelModel } from 'amqplib'
import type { Engine } from '../../../engines/index.ts'
import type { EventSource, EventStream, Subscription } from '../../consumers/index.ts'
import { MendingStream } from '../mending-stream.ts'
import { type BrokerSourceOptions, resolveSourceOptions } from '../source-options.ts'
import { openQueueStream } from './queue-stream.ts'
import { type RabbitmqExchangeOptions, resolveRabbitmqExchange } from './rabbitmq-exchange.ts'

export interface RabbitmqSourceOptions extends RabbitmqExchangeOptions, BrokerSourceOptions {
  /** Yours to close. */
  readonly engine: Engine<ChannelModel>
  /** The queue of a consumer. @default the exchange, a dot and the consumer's name: `events.billing` */
  readonly queue?: (consumer: string) => string
  /**
   * What kind of queue is declared where there is none: 'quorum' is kept on several nodes and counts how often it hands
   * out a message, so that one that kills its process is found; 'classic' knows only whether it has done so before.
   *
   * @default 'quorum'
   */
  readonly queueType?: 'quorum' | 'classic'
}

/**
 * Reads events from RabbitMQ: one durable queue for each consumer, bound to the exchange for the consumer's types, with a
 * single active consumer, so that keys stay in order however many processes have subscribed; the others stand by. What
 * was published before the queue was there is not in it, whatever `from` says.
 */
export function rabbitmqSource (options: RabbitmqSourceOptions): EventSource {
  const { engine, queueType = 'quorum' } = options
  const exchange = resolveRabbitmqExchange(options)
  const { queue = (consumer: string) => `${exchange.exchange}.${consumer}` } = options
  const common = resolveSourceOptions('rabbitmq', options)

  async function subscribe (subscription: Subscription, signal: AbortSignal): Promise<EventStream> {
    const { consumer } = subscription
    const stream = new MendingStream({
      ...common,
      part: `the consumer ${consumer} of rabbitmq`,
      open: () =>
        openQueueStream({
          engine,
          exchange,
          queue: queue(consumer),
          queueType,
          subscription,
          clock: common.clock,
        }),
    })
    try {
      await stream.ready(signal)
    } catch (error) {
      await stream.close()
      throw error
    }
    return stream
  }
  return { name: 'rabbitmq', subscribe }
}
