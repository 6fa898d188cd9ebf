import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { testEngine } from '../engine.contract.ts'
import { type SilentServer, silentServer } from '../silent-server.fixture.ts'
import { waitUntil } from '../wait-until.fixture.ts'
import { kafkaEngine } from './kafka-engine.ts'
import { type KafkaMock, kafkaMock, kcatProgram } from './kafka-mock.fixture.ts'
import { loadKafka } from './load-kafka.ts'

const password = 's3cret-word'
const sasl = { mechanism: 'PLAIN', username: 'plimsoll', password } as const
const closedPort = '127.0.0.1:1'
const soon = (): AbortSignal => AbortSignal.timeout(60_000)

test('a missing package says what to install', async () => {
  const missing = Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
  await assert.rejects(loadKafka(() => Promise.reject(missing)), {
    code: 'ENGINE_MISSING',
    message: /npm install @platformatic\/kafka/,
  })
})

test('a broker that is not host:port stops the boot without being repeated', () => {
  for (const broker of [`plimsoll:${password}@h:1`, 'kafka://h:1', 'h', `h:1/${password}`, '']) {
    assert.throws(() => kafkaEngine({ brokers: [broker] }), (error: Error) => {
      assert.match(error.message, /^kafka\.brokers must be brokers as host:port/)
      assert.ok(!error.message.includes(password))
      return true
    })
  }
  assert.throws(() => kafkaEngine({ brokers: [] }), /got "no broker"/)
})

test('what is not there is named, all brokers of it', async () => {
  await using engine = kafkaEngine({ brokers: [closedPort, 'localhost:1'] })
  await assert.rejects(
    engine.connect(),
    /^EngineUnavailableError: kafka at 127\.0\.0\.1:1,localhost:1 is unavailable: nothing listens there; start Kafka/
  )
})

describe("against librdkafka's mock cluster", { skip: kcatProgram.skip }, () => {
  let cluster: KafkaMock
  let silence: SilentServer
  before(async () => {
    cluster = await kafkaMock()
    silence = await silentServer()
  })
  after(async () => {
    await cluster[Symbol.asyncDispose]()
    await silence[Symbol.asyncDispose]()
  })

  testEngine({
    name: 'kafka',
    password,
    up: async () => kafkaEngine({ brokers: [cluster.broker] }),
    down: async () => kafkaEngine({ brokers: [closedPort], sasl }),
    unreachable: async () => kafkaEngine({ brokers: [closedPort], sasl }),
    silent: async () => kafkaEngine({ brokers: [`127.0.0.1:${silence.port}`], connectTimeoutMs: 500, sasl }),
  })

  test('where the first broker is down, the next one is asked', async () => {
    await using engine = kafkaEngine({ brokers: [closedPort, cluster.broker] })
    await engine.connect()
    await engine.check(soon())
  })

  test('a connect is bounded even when the broker takes the connection and says nothing', async () => {
    await using engine = kafkaEngine({ brokers: [`127.0.0.1:${silence.port}`], connectTimeoutMs: 50 })
    await assert.rejects(engine.connect(), /did not answer in time/)
  })

  test('a broker that is gone fails the check, and when it is back the same client works again', async () => {
    await using engine = kafkaEngine({ brokers: [cluster.broker] })
    const client = await engine.connect()
    await cluster.proxy.shut()
    await assert.rejects(engine.check(soon()), { code: 'ENGINE_UNAVAILABLE' })
    await cluster.proxy.open()
    await engine.check(soon())
    assert.equal(await engine.connect(), client)
  })

  test('a broker that falls silent fails the check in time', async () => {
    await using engine = kafkaEngine({ brokers: [cluster.broker], replyTimeoutMs: 100 })
    await engine.connect()
    cluster.pause()
    let reason = ''
    // Its threads stand still one after the other, so that one may still answer.
    await waitUntil('a check fails', async () => {
      reason = await engine.check(soon()).then(() => '', ({ message }: Error) => message)
      return reason !== ''
    })
    assert.match(reason, /did not answer in time/)
    cluster.proceed()
    await engine.check(soon())
  })
})
