import { testNats } from '../../src/engines/nats/nats.fixture.ts'
import { testRabbitmq } from '../../src/engines/rabbitmq/rabbitmq.fixture.ts'
import { findTool } from '../harness/index.ts'
import type { BrokerName } from './broker.ts'

/** A broker that runs. */
export interface RunningBroker extends AsyncDisposable {
  readonly name: BrokerName
  readonly url: string
}

/** Those that are installed here, each with its files in a temporary folder. */
export async function startBrokers (say: (message: string) => void): Promise<readonly RunningBroker[]> {
  const brokers: RunningBroker[] = [{ name: 'none', url: '', [Symbol.asyncDispose]: async () => {} }]
  if (findTool('nats-server') === undefined) say('without NATS: nats-server is not installed')
  else {
    const nats = await testNats()
    brokers.push({ name: 'nats', url: nats.url, [Symbol.asyncDispose]: () => nats[Symbol.asyncDispose]() })
  }
  if (findTool('rabbitmq-server') === undefined) say('without RabbitMQ: rabbitmq-server is not installed')
  else {
    const rabbitmq = await testRabbitmq()
    brokers.push({
      name: 'rabbitmq',
      url: rabbitmq.url,
      [Symbol.asyncDispose]: () => rabbitmq[Symbol.asyncDispose](),
    })
  }
  return brokers
}
