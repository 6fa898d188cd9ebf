import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { testEngine } from '../engine.contract.ts'
import { type SilentServer, silentServer } from '../silent-server.fixture.ts'
import { waitUntil } from '../wait-until.fixture.ts'
import { loadAmqplib } from './load-amqplib.ts'
import { rabbitmqEngine } from './rabbitmq-engine.ts'
import { rabbitmqProgram, type TestRabbitmq, testRabbitmq } from './rabbitmq.fixture.ts'

const password = 's3cret-word'
const closedPort = `amqp://plimsoll:${password}@127.0.0.1:1/shop`
const soon = (): AbortSignal => AbortSignal.timeout(60_000)

test('a missing package says what to install', async () => {
  const missing = Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
  await assert.rejects(loadAmqplib(() => Promise.reject(missing)), {
    code: 'ENGINE_MISSING',
    message: /npm install amqplib/,
  })
})

test('a wrong URL stops the boot without repeating it', () => {
  for (const url of [`http://:${password}@h`, password, `amqp://x:${password}@h:port`, 'amqp://', []]) {
    assert.throws(() => rabbitmqEngine({ url }), (error: Error) => {
      assert.match(error.message, /^rabbitmq\.url must be an AMQP URL/)
      assert.ok(!error.message.includes(password))
      return true
    })
  }
})

test('a heartbeat of less than a second stops the boot', () => {
  for (const heartbeatSeconds of [0, 0.5, Number.NaN]) {
    assert.throws(
      () => rabbitmqEngine({ url: closedPort, heartbeatSeconds }),
      /heartbeatSeconds must be a whole/
    )
  }
})

test('what is not there is named, with its virtual host, and without the password', async () => {
  await using engine = rabbitmqEngine({ url: closedPort })
  await assert.rejects(engine.connect(), (error: Error) => {
    assert.match(
      error.message,
      /^rabbitmq at 127\.0\.0\.1:1\/shop is unavailable: nothing listens there; start Rab/
    )
    assert.ok(!String(error.stack).includes(password))
    return true
  })
})

describe('against a real server', { skip: rabbitmqProgram.skip }, () => {
  let server: TestRabbitmq
  let silence: SilentServer
  before(async () => {
    server = await testRabbitmq()
    silence = await silentServer()
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    await silence[Symbol.asyncDispose]()
  })

  testEngine({
    name: 'rabbitmq',
    password,
    up: async () => rabbitmqEngine({ url: server.url }),
    down: async () => rabbitmqEngine({ url: closedPort }),
    unreachable: async () => rabbitmqEngine({ url: closedPort }),
    silent: async () => rabbitmqEngine({ url: `amqp://127.0.0.1:${silence.port}`, connectTimeoutMs: 500 }),
  })

  test('a wrong password and a missing virtual host are told apart', async () => {
    await using wrong = rabbitmqEngine({ url: `amqp://plimsoll:wrong@127.0.0.1:${server.port}` })
    await assert.rejects(wrong.connect(), /is unavailable: it refused the user and password/)
    await using missing = rabbitmqEngine({ url: `${server.url}/nowhere` })
    await assert.rejects(missing.connect(), /is unavailable: it does not let this user into the virtual host/)
  })

  test('where the first server of a cluster is down, the next one is entered', async () => {
    await using engine = rabbitmqEngine({ url: [closedPort, server.url] })
    await engine.connect()
    await engine.check(soon())
  })

  test('a connect is bounded even when the server takes the connection and says nothing', async () => {
    await using engine = rabbitmqEngine({ url: `amqp://127.0.0.1:${silence.port}`, connectTimeoutMs: 50 })
    await assert.rejects(engine.connect(), /did not answer in time/)
  })

  test('a server that falls silent is given up, and after it the next connect makes another connection', async () => {
    const broke: string[] = []
    await using engine = rabbitmqEngine({
      url: server.url,
      heartbeatSeconds: 1,
      onConnectionError: ({ message }) => broke.push(message),
    })
    const first = await engine.connect()
    server.pause()
    await waitUntil('it is given up', () => broke.length > 0)
    assert.match(broke[0] ?? '', /it fell silent/)
    server.proceed()
    const second = await engine.connect()
    assert.notEqual(second, first)
    await engine.check(soon())
  })

  test('a killed server fails the check, and when it is back the next check passes', async () => {
    await using engine = rabbitmqEngine({ url: server.url })
    await engine.connect()
    await server.kill()
    await waitUntil('it is noticed', () => engine.check(soon()).then(() => false, () => true))
    await assert.rejects(engine.check(soon()), { code: 'ENGINE_UNAVAILABLE' })
    await server.start()
    await engine.check(soon())
  })
})
