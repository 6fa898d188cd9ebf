import { Consumer } from '@platformatic/kafka'
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { kafkaEngine } from '../../../engines/index.ts'
import { kafkaMock, kcatProgram } from '../../../engines/kafka/kafka-mock.fixture.ts'
import { apiKeys } from '../../../engines/kafka/kafka-wire.fixture.ts'
import { someMessage } from '../../events/event-message.fixture.ts'
import type { EventMessage } from '../../events/index.ts'
import type { PublishOutcome } from '../../outbox/index.ts'
import { type PublisherUnderTest, testPublisher } from '../../outbox/publisher.contract.ts'
import { readEnvelope } from '../envelope.ts'
import { mutableOf } from '../mutable-publisher.fixture.ts'
import { kafkaPublisher, type KafkaPublisherOptions } from './kafka-publisher.ts'
import { kafkaSource } from './kafka-source.ts'

const forever = new AbortController().signal
const kindsOf = (outcomes: readonly PublishOutcome[]): readonly string[] => outcomes.map(({ kind }) => kind)

test('wrong options stop the boot', () => {
  const engine = kafkaEngine({ brokers: ['127.0.0.1:1'] })
  for (const topic of ['a/b', '', '..', 'x'.repeat(250)]) {
    assert.throws(() => kafkaPublisher({ engine, topic }), /kafka\.topic must be letters, digits/)
    assert.throws(() => kafkaSource({ engine, topics: [topic] }), /kafka\.topic must be letters, digits/)
  }
  assert.throws(() => kafkaPublisher({ engine, maxBatchBytes: 0 }), /kafka\.maxBatchBytes must be at least 1/)
  assert.throws(
    () => kafkaPublisher({ engine, confirmTimeoutMs: 0 }),
    /kafka\.confirmTimeoutMs must be above 0/
  )
  assert.throws(
    () => kafkaSource({ engine, topic: () => 'events' }),
    /kafka\.topics must be the topics to read/
  )
  assert.throws(() => kafkaSource({ engine, sessionTimeoutMs: 10 }), /kafka\.sessionTimeoutMs must be/)
})

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
      async mutable (ms) {
        const { broker, proxy } = await cluster.door()
        const behind = kafkaEngine({ brokers: [broker] })
        return mutableOf(proxy, behind, kafkaPublisher({ engine: behind, confirmTimeoutMs: ms }))
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

  /** Producer's id, epoch and number of the first message, as the batch of a request to Produce has them. */
  function numbersIn (request: Buffer): string {
    // The batch begins 8 bytes before its length; its magic number is 2, and its producer's id stands at byte 43.
    const start = request.indexOf(Buffer.from([2]), 60) - 16
    assert.equal(request[start + 16], 2)
    return `${request.readBigInt64BE(start + 43)} ${request.readInt16BE(start + 51)} ${
      request.readInt32BE(start + 53)
    }`
  }

  test('an answer that never comes: the client sends the same numbers again, then it is refused in time', async () => {
    await using cluster = await kafkaMock()
    await using engine = kafkaEngine({ brokers: [cluster.broker] })
    await using publisher = kafkaPublisher({ engine, confirmTimeoutMs: 400 })
    await publisher.publish([someMessage()], forever)
    const before = cluster.requests.length
    cluster.faults.swallow.add(apiKeys.produce)
    const [outcome] = await publisher.publish([someMessage()], forever)
    assert.ok(outcome?.kind === 'refused' && outcome.retryable)
    assert.match(outcome.error.message, /has not confirmed the message within 400 ms/)
    const produced = cluster.requests.slice(before).filter(({ apiKey }) => apiKey === apiKeys.produce)
    assert.ok(produced.length >= 2, `${produced.length} tries`)
    assert.equal(new Set(produced.map(({ bytes }) => numbersIn(bytes))).size, 1)
    cluster.faults.swallow.clear()
    assert.deepEqual(kindsOf(await publisher.publish([someMessage()], forever)), ['confirmed'])
  })

  test('a batch that is not taken is halved until the message that is too large is alone', async () => {
    await using cluster = await kafkaMock()
    await using engine = kafkaEngine({ brokers: [cluster.broker] })
    await using publisher = kafkaPublisher({ engine })
    await publisher.publish([someMessage()], forever)
    const large = 'x'.repeat(10_000)
    cluster.faults.refuseLargerThan = { bytes: 10_000, error: 10 }
    const messages = Array.from(
      { length: 20 },
      (_, at) =>
        someMessage({ key: 'k'.repeat(1 + at % 2), ...(at === 5 ? { payload: JSON.stringify(large) } : {}) })
    )
    const outcomes = await publisher.publish(messages, forever)
    for (const [at, outcome] of outcomes.entries()) {
      const expected = at === 5 ? 'refused' : at > 5 && at % 2 === 1 ? 'held' : 'confirmed'
      assert.equal(outcome.kind, expected, String(at))
    }
    assert.ok(outcomes[5]?.kind === 'refused' && !outcomes[5].retryable)
    assert.match(outcomes[5].error.message, /^kafka refuses the message: MESSAGE_TOO_LARGE/)
  })

  test('what a partition does not take now may be tried again', async () => {
    await using cluster = await kafkaMock()
    await using engine = kafkaEngine({ brokers: [cluster.broker] })
    await using publisher = kafkaPublisher({ engine, confirmTimeoutMs: 5_000 })
    await publisher.publish([someMessage()], forever)
    cluster.faults.refuse = 29
    const [outcome] = await publisher.publish([someMessage()], forever)
    assert.ok(outcome?.kind === 'refused' && outcome.retryable)
    assert.match(outcome.error.message, /TOPIC_AUTHORIZATION_FAILED/)
  })

  test('large messages go in batches of their own', async () => {
    await using cluster = await kafkaMock()
    await using engine = kafkaEngine({ brokers: [cluster.broker] })
    await using publisher = kafkaPublisher({ engine, maxBatchBytes: 1_000 })
    await publisher.publish([someMessage()], forever)
    const before = cluster.requests.length
    const payload = JSON.stringify('x'.repeat(600))
    const messages = Array.from({ length: 4 }, () => someMessage({ key: 'k', payload }))
    assert.deepEqual(new Set(kindsOf(await publisher.publish(messages, forever))), new Set(['confirmed']))
    const produced = cluster.requests.slice(before).filter(({ apiKey }) => apiKey === apiKeys.produce)
    assert.equal(produced.length, 4)
  })
})
