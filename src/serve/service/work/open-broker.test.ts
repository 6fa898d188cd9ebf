import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Lifecycle } from '../../../kernel/index.ts'
import { createLogger } from '../../../telemetry/index.ts'
import type { Leases } from '../../../work/lease/index.ts'
import type { ServiceEnvironment } from '../environment.ts'
import { type Broker, type BrokerPlaces, openBroker } from './open-broker.ts'

function open (t: TestContext, urls: readonly string[], places: BrokerPlaces = {}): Promise<Broker> {
  const lifecycle = new Lifecycle()
  t.after(() => lifecycle.close())
  const environment = {
    settings: { work: { lease: 30_000 } },
    telemetry: { logger: createLogger({ level: 'silent' }) },
    lifecycle,
    health: { addCheck () {} },
  }
  return openBroker(urls, places, {} as Leases, environment as unknown as ServiceEnvironment)
}

test('the broker is told by the scheme of its URLs, which are of one kind', async (t) => {
  for (
    const [url, name] of [['nats://a:4222', 'nats'], ['amqps://a', 'rabbitmq'], [
      'kafka://a:9092',
      'kafka',
    ]] as const
  ) {
    const broker = await open(t, [url])
    assert.deepEqual([broker.publisher.name, broker.source().name], [name, name])
  }
  await assert.rejects(open(t, ['nats://a:4222', 'amqp://a']), { code: 'SETTING_INVALID' })
})

test('a service that only publishes to topics of its events need not say which ones are read', async (t) => {
  const topic = ({ aggregateType }: { readonly aggregateType: string }): string =>
    `outbox.event.${aggregateType}`
  const broker = await open(t, ['kafka://a:9092'], { kafka: { topic } })
  assert.equal(broker.publisher.name, 'kafka')
  assert.throws(() => broker.source(), /kafka\.topics/)
  const read = await open(t, ['kafka://a:9092'], { kafka: { topic, topics: ['outbox.event.order'] } })
  assert.equal(read.source().name, 'kafka')
})
