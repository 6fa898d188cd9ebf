import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { after, before, describe } from 'node:test'
import { type Engine, natsEngine } from '../../../engines/index.ts'
import { natsProgram, type TestNats, testNats } from '../../../engines/nats/nats.fixture.ts'
import { type TestProxy, testProxy } from '../../../engines/proxy.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { type SourceUnderTest, testBrokerSource } from '../event-source.contract.ts'
import { natsPublisher } from './nats-publisher.ts'
import { natsSource } from './nats-source.ts'

describe('against a real server', { skip: natsProgram.skip }, () => {
  let server: TestNats
  before(async () => {
    server = await testNats()
  })
  after(() => server[Symbol.asyncDispose]())

  async function underTest (): Promise<SourceUnderTest> {
    const own = natsEngine({ url: server.url })
    const publisher = natsPublisher({ engine: own })
    const proxies: TestProxy[] = []
    const engines: Engine<NatsConnection>[] = [own]
    return {
      publisher,
      counts: true,
      async source () {
        const proxy = await testProxy(server.port)
        proxies.push(proxy)
        const engine = natsEngine({ url: server.url.replace(`:${server.port}`, `:${proxy.port}`) })
        engines.push(engine)
        return natsSource({ engine, ackWait: '1s' })
      },
      async cut () {
        for (const proxy of proxies) proxy.cut()
      },
      async kill () {
        for (const proxy of proxies.splice(0)) await proxy.shut()
        // A server of 2.9 that hands out again before it has seen the process go does not count it.
        const manager = await jetstreamManager(await own.connect())
        await waitUntil('the server has noticed', async () => {
          const consumers = await manager.consumers.list('events').next()
          return consumers.every(({ num_waiting: waiting }) => waiting === 0)
        })
      },
      async [Symbol.asyncDispose] () {
        await publisher.close()
        for (const engine of engines) await engine.close()
        for (const proxy of proxies) await proxy.shut()
      },
    }
  }

  testBrokerSource('nats', underTest)
})
