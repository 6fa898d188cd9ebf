import { jetstream } from '@nats-io/jetstream'
import { after, before, describe } from 'node:test'
import { natsEngine } from '../../../engines/index.ts'
import { natsProgram, type TestNats, testNats } from '../../../engines/nats/nats.fixture.ts'
import { testProxy } from '../../../engines/proxy.fixture.ts'
import type { EventMessage } from '../../events/index.ts'
import { type PublisherUnderTest, testPublisher } from '../../outbox/publisher.contract.ts'
import { readEnvelope } from '../envelope.ts'
import { mutableOf } from '../mutable-publisher.fixture.ts'
import { natsPublisher, type NatsPublisherOptions } from './nats-publisher.ts'
import { plainText } from './nats-stream.ts'

describe('against a real server', { skip: natsProgram.skip }, () => {
  let server: TestNats
  before(async () => {
    server = await testNats()
  })
  after(() => server[Symbol.asyncDispose]())

  async function underTest (options: Partial<NatsPublisherOptions> = {}): Promise<PublisherUnderTest> {
    const engine = natsEngine({ url: server.url })
    const publisher = natsPublisher({ engine, confirmTimeoutMs: 2_000, ...options })
    await publisher.check(AbortSignal.timeout(5_000))
    const got: EventMessage[] = []
    const reader = natsEngine({ url: server.url })
    const connection = await reader.connect()
    const consumer = await jetstream(connection).consumers.get('events')
    const reading = await consumer.consume({
      callback: (message) => {
        const headers = new Map(
          [...message.headers ?? []].map(([name, [value = '']]) => [name.toLowerCase(), plainText(value)])
        )
        headers.delete('nats-msg-id')
        headers.delete('nats-expected-stream')
        got.push(readEnvelope(headers, message.string(), { id: '', type: '', key: '', atMs: 0 }))
      },
    })
    return {
      publisher,
      received: () => got,
      unacceptable: (message) => ({ ...message, payload: JSON.stringify('x'.repeat(1_100_000)) }),
      async outage () {
        await server.kill()
        return { end: () => server.start() }
      },
      async mutable (ms) {
        const proxy = await testProxy(server.port)
        const behind = natsEngine({ url: server.url.replace(`:${server.port}`, `:${proxy.port}`) })
        return mutableOf(proxy, behind, natsPublisher({ engine: behind, confirmTimeoutMs: ms }))
      },
      async [Symbol.asyncDispose] () {
        await reading.close()
        await publisher.close()
        await engine.close()
        await reader.close()
      },
    }
  }

  testPublisher('nats', underTest)
})
