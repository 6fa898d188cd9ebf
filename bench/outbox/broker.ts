import { natsEngine, rabbitmqEngine } from '../../src/engines/index.ts'
import { natsPublisher, rabbitmqPublisher } from '../../src/work/brokers/index.ts'
import type { Publisher } from '../../src/work/outbox/index.ts'

export const brokerNames = ['none', 'nats', 'rabbitmq'] as const

export type BrokerName = (typeof brokerNames)[number]

/** A publisher with what it stands on; `none` confirms at once, so that the relay alone is measured. */
export async function openPublisher (broker: BrokerName, url: string): Promise<Publisher> {
  if (broker === 'nats') return natsPublisher({ engine: natsEngine({ url }) })
  if (broker === 'none') {
    const close = async (): Promise<void> => {}
    return {
      name: 'none',
      check: async () => {},
      publish: async (messages) => messages.map(() => ({ kind: 'confirmed' })),
      close,
      [Symbol.asyncDispose]: close,
    }
  }
  const engine = rabbitmqEngine({ url })
  const publisher = rabbitmqPublisher({ engine })
  await publisher.check(AbortSignal.timeout(10_000))
  const channel = await (await engine.connect()).createChannel()
  await channel.assertQueue('bench', { durable: true })
  await channel.bindQueue('bench', 'events', '#')
  return publisher
}
