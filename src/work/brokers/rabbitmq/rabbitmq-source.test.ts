import type { ChannelModel } from 'amqplib'
import { after, before, describe } from 'node:test'
import { type Engine, rabbitmqEngine } from '../../../engines/index.ts'
import { type TestProxy, testProxy } from '../../../engines/proxy.fixture.ts'
import {
  rabbitmqProgram,
  type TestRabbitmq,
  testRabbitmq,
} from '../../../engines/rabbitmq/rabbitmq.fixture.ts'
import { type SourceUnderTest, testBrokerSource } from '../event-source.contract.ts'
import { rabbitmqPublisher } from './rabbitmq-publisher.ts'
import { rabbitmqSource } from './rabbitmq-source.ts'

describe('against a real server', { skip: rabbitmqProgram.skip }, () => {
  let server: TestRabbitmq
  before(async () => {
    server = await testRabbitmq()
  })
  after(() => server[Symbol.asyncDispose]())

  async function underTest (): Promise<SourceUnderTest> {
    const own = rabbitmqEngine({ url: server.url })
    const publisher = rabbitmqPublisher({ engine: own })
    const proxies: TestProxy[] = []
    const engines: Engine<ChannelModel>[] = [own]
    return {
      publisher,
      counts: true,
      async source () {
        const proxy = await testProxy(server.port)
        proxies.push(proxy)
        const engine = rabbitmqEngine({ url: server.url.replace(`:${server.port}`, `:${proxy.port}`) })
        engines.push(engine)
        return rabbitmqSource({ engine })
      },
      async cut () {
        for (const proxy of proxies) proxy.cut()
      },
      async kill () {
        for (const proxy of proxies.splice(0)) await proxy.shut()
      },
      async [Symbol.asyncDispose] () {
        await publisher.close()
        for (const engine of engines) await engine.close()
        for (const proxy of proxies) await proxy.shut()
      },
    }
  }

  testBrokerSource('rabbitmq', underTest)
})
