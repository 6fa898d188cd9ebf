import type { Channel } from 'amqplib'
import { SettingError } from '../../../kernel/index.ts'

/** The exchange that a service's events go through. The same for its publisher and its consumers. */
export interface RabbitmqExchangeOptions {
  /** A durable topic exchange; the event's type is the routing key. At most 255 bytes. @default 'events' */
  readonly exchange?: string
  /** Whether it is declared; false: there is one, or it is an error. @default true */
  readonly declare?: boolean
}

export interface RabbitmqExchange {
  readonly exchange: string
  readonly declare: boolean
}

/** @throws SettingError for a name that AMQP does not take */
export function resolveRabbitmqExchange (options: RabbitmqExchangeOptions): RabbitmqExchange {
  const { exchange = 'events', declare = true } = options
  if (exchange === '' || Buffer.byteLength(exchange) > maxShortText) {
    throw new SettingError('rabbitmq.exchange', 'a name of 1 to 255 bytes', exchange)
  }
  return { exchange, declare }
}

/** Makes sure of the exchange. Where it is missing, or another one has its name, the channel is closed by the server. */
export async function ensureExchange (
  channel: Channel,
  { exchange, declare }: RabbitmqExchange
): Promise<void> {
  if (declare) await channel.assertExchange(exchange, 'topic', { durable: true })
  else await channel.checkExchange(exchange)
}

/** Routing keys, types and ids have one byte for their length. */
export const maxShortText = 255
