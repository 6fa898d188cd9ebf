import { jetstreamManager } from '@nats-io/jetstream'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Type } from 'typebox'
import { natsEngine } from '../../../engines/index.ts'
import { natsProgram, type TestNats, testNats } from '../../../engines/nats/nats.fixture.ts'
import { testProxy } from '../../../engines/proxy.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { consumerTest } from '../../consumers/consumers.fixture.ts'
import { defineConsumer } from '../../consumers/index.ts'
import { someMessage } from '../../events/event-message.fixture.ts'
import { defineEvent, type EventMessage, orderingKey } from '../../events/index.ts'
import { headersFor } from '../envelope.ts'
import { natsPublisher } from './nats-publisher.ts'
import { natsSource } from './nats-source.ts'

const forever = new AbortController().signal
const placed = defineEvent('order.placed', 1, Type.Object({ orderId: Type.String(), nth: Type.Number() }))

function placedMessage (orderId: string, nth: number): EventMessage {
  return someMessage({ key: orderId, version: 1, payload: JSON.stringify({ orderId, nth }) })
}

/** Writes an effect for each event; of the order `killer` it must never be asked. */
const effects = defineConsumer('effects', {
  source: 'nats',
  retry: { attempts: 2 },
  on: [
    placed.handle(async ({ orderId, nth }, { tx }) => {
      assert.notEqual(orderId, 'killer')
      await tx.query('INSERT INTO effect (order_id, nth) VALUES ($1, $2)', [orderId, nth])
    }),
  ],
})

describe('with a real server and a real database', { skip: natsProgram.skip }, () => {
  let server: TestNats
  before(async () => {
    server = await testNats()
  })
  after(() => server[Symbol.asyncDispose]())

  test('what the broker has twice, and hands out twice, has its effect once', async () => {
    await using under = await consumerTest()
    await using engine = natsEngine({ url: server.url })
    await using publisher = natsPublisher({ engine, stream: 'twice' })
    const messages = [placedMessage('a', 1), placedMessage('b', 1), placedMessage('a', 2)]
    await publisher.publish(messages, forever)
    // As a relay does that comes back after the duplicate window.
    const connection = await engine.connect()
    const { headers } = await import('@nats-io/transport-node')
    for (const message of messages) {
      const copy = headers()
      for (const [name, value] of headersFor(message)) copy.append(name, value)
      connection.publish('twice.order.placed', message.payload, { headers: copy })
    }
    const source = natsSource({ engine, stream: 'twice', ackWait: '1s' })
    await using _running = await under.run([effects], { sources: { nats: source } })
    await waitUntil('all six have been handled', () => under.count('effects', 'duplicate') === 3)
    assert.deepEqual((await under.effects()).toSorted(), ['a:1', 'a:2', 'b:1'])
  })

  test('a message whose process dies each time is set aside without being tried, and others go on', async () => {
    await using under = await consumerTest()
    await using engine = natsEngine({ url: server.url })
    await using publisher = natsPublisher({ engine, stream: 'poison' })
    await publisher.publish([placedMessage('killer', 1)], forever)
    for (const deaths of [0, 1]) {
      await using proxy = await testProxy(server.port)
      await using doomed = natsEngine({ url: server.url.replace(`:${server.port}`, `:${proxy.port}`) })
      const stream = await natsSource({ engine: doomed, stream: 'poison', ackWait: '1s' }).subscribe(
        { consumer: 'effects', incarnation: 1, types: ['order.placed'], from: 'beginning', window: 10 },
        forever
      )
      const [delivery] = await stream.pull(1, AbortSignal.timeout(10_000))
      assert.equal(delivery?.deliveredBefore, deaths)
      await proxy.shut()
      // A server of 2.9 that hands out again before it has seen the process go does not count it.
      const manager = await jetstreamManager(await engine.connect())
      await waitUntil(
        'the server has noticed',
        async () => (await manager.consumers.info('poison', 'effects')).num_waiting === 0
      )
      await stream.close()
    }
    const source = natsSource({ engine, stream: 'poison', ackWait: '1s' })
    await using consumers = await under.run([effects], { sources: { nats: source } })
    await publisher.publish([placedMessage('other', 1)], forever)
    await waitUntil('the other one has its effect', async () => (await under.effects()).length === 1)
    await waitUntil('the killer is held', async () => (await consumers.held('effects')).length === 1)
    const [held] = await consumers.held('effects')
    assert.equal(held?.key, orderingKey({ aggregateType: 'order', key: 'killer' }))
    assert.deepEqual(await under.effects(), ['other:1'])
  })
})
