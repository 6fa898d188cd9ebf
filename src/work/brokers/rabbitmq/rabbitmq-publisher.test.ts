import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { rabbitmqEngine } from '../../../engines/index.ts'
import { testProxy } from '../../../engines/proxy.fixture.ts'
import {
  rabbitmqProgram,
  type TestRabbitmq,
  testRabbitmq,
} from '../../../engines/rabbitmq/rabbitmq.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { someMessage } from '../../events/event-message.fixture.ts'
import type { EventMessage } from '../../events/index.ts'
import type { PublishOutcome } from '../../outbox/index.ts'
import { type PublisherUnderTest, testPublisher } from '../../outbox/publisher.contract.ts'
import { readEnvelope } from '../envelope.ts'
import { mutableOf } from '../mutable-publisher.fixture.ts'
import { rabbitmqPublisher, type RabbitmqPublisherOptions } from './rabbitmq-publisher.ts'
import { rabbitmqSource } from './rabbitmq-source.ts'

const forever = new AbortController().signal
const kindsOf = (outcomes: readonly PublishOutcome[]): readonly string[] => outcomes.map(({ kind }) => kind)

test('wrong options stop the boot', () => {
  const engine = rabbitmqEngine({ url: 'amqp://127.0.0.1:1' })
  for (const exchange of ['', 'x'.repeat(256)]) {
    assert.throws(
      () => rabbitmqPublisher({ engine, exchange }),
      /rabbitmq\.exchange must be a name of 1 to 255 bytes/
    )
    assert.throws(
      () => rabbitmqSource({ engine, exchange }),
      /rabbitmq\.exchange must be a name of 1 to 255 bytes/
    )
  }
  assert.throws(() => rabbitmqPublisher({ engine, confirmTimeoutMs: 0 }), /confirmTimeoutMs must be above 0/)
  assert.throws(() => rabbitmqPublisher({ engine, window: 0 }), /window must be at least 1/)
  assert.throws(() => rabbitmqPublisher({ engine, maxPayloadBytes: 0 }), /maxPayloadBytes must be at least 1/)
  assert.throws(() => rabbitmqSource({ engine, horizon: 'long' as never }), /rabbitmq\.horizon must be/)
})

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
      async mutable (ms) {
        const proxy = await testProxy(server.port)
        const behind = rabbitmqEngine({ url: server.url.replace(`:${server.port}`, `:${proxy.port}`) })
        return mutableOf(proxy, behind, rabbitmqPublisher({ engine: behind, confirmTimeoutMs: ms }))
      },
      async [Symbol.asyncDispose] () {
        await publisher.close()
        await engine.close()
        await reader.close()
      },
    }
  }

  testPublisher('rabbitmq', underTest)

  /** A queue that is bound for every type, read by nobody. */
  async function queueFor (
    exchange: string
  ): Promise<{ ids(): Promise<readonly string[]>; close(): Promise<void> }> {
    const engine = rabbitmqEngine({ url: server.url })
    const channel = await (await engine.connect()).createChannel()
    await channel.assertExchange(exchange, 'topic', { durable: true })
    const { queue } = await channel.assertQueue('', { durable: false, exclusive: true })
    await channel.bindQueue(queue, exchange, '#')
    const ids: string[] = []
    return {
      async ids () {
        for (let got = await channel.get(queue); got !== false; got = await channel.get(queue)) {
          ids.push(String(got.properties.messageId))
        }
        return ids
      },
      close: () => engine.close(),
    }
  }

  test('confirmations that never come end in time; published again, the copy has the same id, in order', async () => {
    await using proxy = await testProxy(server.port)
    await using engine = rabbitmqEngine({ url: server.url.replace(`:${server.port}`, `:${proxy.port}`) })
    await using publisher = rabbitmqPublisher({ engine, exchange: 'swallowed', confirmTimeoutMs: 300 })
    const queue = await queueFor('swallowed')
    await publisher.check(forever)
    const messages = [someMessage({ key: 'k' }), someMessage({ key: 'k' })]
    const [first, second] = messages.map(({ id }) => id)
    proxy.swallowAnswers()
    const outcomes = await publisher.publish(messages, forever)
    assert.deepEqual(kindsOf(outcomes), ['refused', 'held'])
    assert.ok(outcomes[0]?.kind === 'refused' && outcomes[0].retryable)
    await waitUntil('it was stored all the same', async () => (await queue.ids()).length === 1)
    proxy.cut()
    await waitUntil('it is connected again', () => publisher.check(forever).then(() => true, () => false))
    assert.deepEqual(kindsOf(await publisher.publish(messages, forever)), ['confirmed', 'confirmed'])
    assert.deepEqual(await queue.ids(), [first, first, second])
    await queue.close()
  })

  test('a connection that breaks ends the call at once, not after the timeout', async () => {
    await using proxy = await testProxy(server.port)
    await using engine = rabbitmqEngine({ url: server.url.replace(`:${server.port}`, `:${proxy.port}`) })
    await using publisher = rabbitmqPublisher({ engine, exchange: 'broken', confirmTimeoutMs: 3_600_000 })
    await publisher.check(forever)
    proxy.swallowAnswers()
    const publishing = publisher.publish([someMessage()], forever)
    proxy.cut()
    const [outcome] = await publishing
    assert.ok(outcome?.kind === 'refused' && outcome.retryable)
  })

  test('an exchange that was deleted is made again by the next call; one that must be there is not', async () => {
    await using engine = rabbitmqEngine({ url: server.url })
    await using publisher = rabbitmqPublisher({ engine, exchange: 'deleted', unroutable: 'accept' })
    await publisher.check(forever)
    const channel = await (await engine.connect()).createChannel()
    await channel.deleteExchange('deleted')
    const [outcome] = await publisher.publish([someMessage()], forever)
    assert.ok(outcome?.kind === 'refused' && outcome.retryable)
    assert.deepEqual(kindsOf(await publisher.publish([someMessage()], forever)), ['confirmed'])
    await using strict = rabbitmqPublisher({ engine, exchange: 'nowhere', declare: false })
    await assert.rejects(strict.check(forever), /NOT_FOUND/)
    const [strictly] = await strict.publish([someMessage()], forever)
    assert.ok(strictly?.kind === 'refused' && strictly.retryable)
  })

  test('what no queue is bound for is refused for good, or dropped where that is asked for', async () => {
    await using engine = rabbitmqEngine({ url: server.url })
    await using careful = rabbitmqPublisher({ engine, exchange: 'unbound' })
    const [refused] = await careful.publish([someMessage()], forever)
    assert.ok(refused?.kind === 'refused' && !refused.retryable)
    assert.match(refused.error.message, /^rabbitmq refuses the message: no queue is bound for order\.placed/)
    await using careless = rabbitmqPublisher({ engine, exchange: 'unbound', unroutable: 'accept' })
    assert.deepEqual(kindsOf(await careless.publish([someMessage()], forever)), ['confirmed'])
  })

  test('a message that would cost the others their channel is refused before it is sent', async () => {
    await using engine = rabbitmqEngine({ url: server.url })
    await using publisher = rabbitmqPublisher({
      engine,
      exchange: 'unfit',
      maxPayloadBytes: 100,
      unroutable: 'accept',
    })
    const messages = [
      someMessage({ payload: JSON.stringify('x'.repeat(100)) }),
      someMessage({ type: 't'.repeat(256) }),
      someMessage({ headers: { large: 'x'.repeat(70_000) } }),
      someMessage(),
    ]
    const outcomes = await publisher.publish(messages, forever)
    assert.deepEqual(kindsOf(outcomes), ['refused', 'refused', 'refused', 'confirmed'])
    for (const outcome of outcomes)
      assert.ok(outcome.kind === 'confirmed' || outcome.kind === 'refused' && !outcome.retryable)
  })
})
