import { Consumer } from '@platformatic/kafka'
import { describe } from 'node:test'
import { kafkaEngine } from '../../../engines/index.ts'
import { kafkaMock, kcatProgram } from '../../../engines/kafka/kafka-mock.fixture.ts'
import type { EventMessage } from '../../events/index.ts'
import { type PublisherUnderTest, testPublisher } from '../../outbox/publisher.contract.ts'
import { readEnvelope } from '../envelope.ts'
import { kafkaPublisher, type KafkaPublisherOptions } from './kafka-publisher.ts'

describe("against librdkafka's mock cluster", { skip: kcatProgram.skip }, () => {
  async function underTest (options: Partial<KafkaPublisherOptions> = {}): Promise<PublisherUnderTest> {
    const cluster = await kafkaMock()
    const engine = kafkaEngine({ brokers: [cluster.broker] })
    const publisher = kafkaPublisher({
      engine,
      confirmTimeoutMs: 2_000,
      topic: ({ type }) => type === 'no/topic' ? type : 'events',
      ...options,
    })
    await publisher.check(AbortSignal.timeout(5_000))
    const got: EventMessage[] = []
    const { settings } = await engine.connect()
    const consumer = new Consumer({
      ...settings,
      retries: 50,
      groupId: 'reader',
      autocommit: false,
      autocreateTopics: true,
    })
    const stream = await consumer.consume({ topics: ['events'], mode: 'earliest', maxWaitTime: 50 })
    stream.on('error', () => {})
    stream.on('data', ({ headers, value }) => {
      const texts = new Map([...headers].map(([name, text]) => [String(name), String(text)]))
      got.push(readEnvelope(texts, String(value), { id: '', type: '', key: '', atMs: 0 }))
    })
    return {
      publisher,
      received: () => got,
      unacceptable: (message) => ({ ...message, type: 'no/topic' }),
      async outage () {
        await cluster.proxy.shut()
        return { end: () => cluster.proxy.open() }
      },
      async [Symbol.asyncDispose] () {
        await publisher.close()
        await consumer.close(true)
        await engine.close()
        await cluster[Symbol.asyncDispose]()
      },
    }
  }

  testPublisher('kafka', underTest)
})
