import { after, before, describe } from 'node:test'
import { type Engine, type KafkaClient, kafkaEngine } from '../../../engines/index.ts'
import {
  type KafkaDoor,
  type KafkaMock,
  kafkaMock,
  kcatProgram,
} from '../../../engines/kafka/kafka-mock.fixture.ts'
import { type SourceUnderTest, testBrokerSource } from '../event-source.contract.ts'
import { kafkaPublisher } from './kafka-publisher.ts'
import { kafkaSource } from './kafka-source.ts'

describe("against librdkafka's mock cluster", { skip: kcatProgram.skip }, () => {
  let cluster: KafkaMock
  before(async () => {
    cluster = await kafkaMock()
  })
  after(() => cluster[Symbol.asyncDispose]())

  async function underTest (): Promise<SourceUnderTest> {
    const own = kafkaEngine({ brokers: [cluster.broker] })
    const publisher = kafkaPublisher({ engine: own })
    const engines: Engine<KafkaClient>[] = [own]
    const doors: KafkaDoor[] = []
    return {
      publisher,
      counts: false,
      async source () {
        const door = await cluster.door()
        doors.push(door)
        const engine = kafkaEngine({ brokers: [door.broker] })
        engines.push(engine)
        return kafkaSource({ engine, sessionTimeoutMs: 6_000 })
      },
      async cut () {
        for (const { proxy } of doors) proxy.cut()
      },
      async kill () {
        for (const { proxy } of doors.splice(0)) await proxy.shut()
      },
      async [Symbol.asyncDispose] () {
        await publisher.close()
        for (const engine of engines) await engine.close()
        for (const { proxy } of doors) await proxy.shut()
      },
    }
  }

  testBrokerSource('kafka', underTest)
})
