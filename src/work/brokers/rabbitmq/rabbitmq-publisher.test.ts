import { after, before, describe } from 'node:test'
import { rabbitmqEngine } from '../../../engines/index.ts'
import {
  rabbitmqProgram,
  type TestRabbitmq,
  testRabbitmq,
} from '../../../engines/rabbitmq/rabbitmq.fixture.ts'
import type { EventMessage } from '../../events/index.ts'
import { type PublisherUnderTest, testPublisher } from '../../outbox/publisher.contract.ts'
import { readEnvelope } from '../envelope.ts'
import { rabbitmqPublisher, type RabbitmqPublisherOptions } from './rabbitmq-publisher.ts'

describe('against a real server', { skip: rabbitmqProgram.skip }, () => {
  let server: TestRabbitmq
  before(async () => {
    server = await testRabbitmq()
  })
  after(() => server[Symbol.asyncDispose]())

  async function underTest (options: Partial<RabbitmqPublisherOptions> = {}): Promise<PublisherUnderTest> {
    const engine = rabbitmqEngine({ url: server.url })
    const publisher = rabbitmqPublisher({ engine, confirmTimeoutMs: 2_000, ...options })
    await publisher.check(AbortSignal.timeout(5_000))
    const got: EventMessage[] = []
    const reader = rabbitmqEngine({ url: server.url })
    async function read (): Promise<void> {
      const channel = await (await reader.connect()).createChannel()
      await channel.assertQueue('all', { durable: true })
      await channel.bindQueue('all', 'events', 'order.#')
      await channel.consume('all', (message) => {
        if (message === null) return
        const headers = new Map<string, string>(Object.entries(message.properties.headers ?? {}))
        got.push(readEnvelope(headers, message.content.toString(), { id: '', type: '', key: '', atMs: 0 }))
        channel.ack(message)
      })
    }
    await read()
    return {
      publisher,
      received: () => got,
      unacceptable: (message) => ({ ...message, type: 'nobody.listens' }),
      async outage () {
        await server.kill()
        return {
          async end () {
            await server.start()
            await read()
          },
        }
      },
      async [Symbol.asyncDispose] () {
        await publisher.close()
        await engine.close()
        await reader.close()
      },
    }
  }

  testPublisher('rabbitmq', underTest)
})
