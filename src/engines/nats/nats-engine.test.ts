import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { testEngine } from '../engine.contract.ts'
import { type SilentServer, silentServer } from '../silent-server.fixture.ts'
import { waitUntil } from '../wait-until.fixture.ts'
import { loadNatsJetstream, loadNatsTransport } from './load-nats.ts'
import { natsEngine } from './nats-engine.ts'
import { natsProgram, type TestNats, testNats } from './nats.fixture.ts'

const password = 's3cret-word'
const closedPort = `nats://plimsoll:${password}@127.0.0.1:1`
const soon = (): AbortSignal => AbortSignal.timeout(60_000)

test('a missing package says what to install', async () => {
  const missing = Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
  await assert.rejects(loadNatsTransport(() => Promise.reject(missing)), {
    code: 'ENGINE_MISSING',
    message: /npm install @nats-io\/transport-node/,
  })
  await assert.rejects(loadNatsJetstream(() => Promise.reject(missing)), {
    code: 'ENGINE_MISSING',
    message: /npm install @nats-io\/jetstream/,
  })
})

test('a wrong URL stops the boot without repeating it', () => {
  for (const url of [`http://:${password}@h`, password, `nats://x:${password}@h:port`, 'nats://', []]) {
    assert.throws(() => natsEngine({ url }), (error: Error) => {
      assert.match(error.message, /^nats\.url must be a NATS URL/)
      assert.ok(!error.message.includes(password))
      return true
    })
  }
})

test('what is not there is named, all servers of it, and without the password', async () => {
  await using engine = natsEngine({ url: [closedPort, 'nats://localhost:1'] })
  await assert.rejects(engine.connect(), (error: Error) => {
    assert.match(error.message, /^nats at 127\.0\.0\.1:1,localhost:1 is unavailable: nothing listens there/)
    assert.ok(!String(error.stack).includes(password))
    return true
  })
})

describe('against a real server', { skip: natsProgram.skip }, () => {
  let server: TestNats
  let silence: SilentServer
  before(async () => {
    server = await testNats(password)
    silence = await silentServer()
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    await silence[Symbol.asyncDispose]()
  })

  testEngine({
    name: 'nats',
    password,
    up: async () => natsEngine({ url: server.url }),
    down: async () => natsEngine({ url: closedPort }),
    unreachable: async () => natsEngine({ url: closedPort }),
    silent: async () => natsEngine({ url: `nats://127.0.0.1:${silence.port}`, connectTimeoutMs: 500 }),
  })

  test('a wrong password says so', async () => {
    await using engine = natsEngine({ url: `nats://plimsoll:wrong@127.0.0.1:${server.port}` })
    await assert.rejects(engine.connect(), /is unavailable: it refused the user, password or token/)
  })

  test('a connect is bounded even when the server takes the connection and says nothing', async () => {
    await using engine = natsEngine({ url: `nats://127.0.0.1:${silence.port}`, connectTimeoutMs: 50 })
    await assert.rejects(engine.connect(), /did not answer in time/)
  })

  test('a killed server fails the check, and when it is back the same client works again', async () => {
    const broke: string[] = []
    await using own = await testNats(password)
    await using engine = natsEngine({ url: own.url, onConnectionError: ({ message }) => broke.push(message) })
    const client = await engine.connect()
    await engine.check(soon())
    await own.kill()
    await waitUntil('it is noticed', () => broke.length > 0)
    assert.match(broke[0] ?? '', /the connection to .* broke; it is being made again/)
    await assert.rejects(engine.check(soon()), { code: 'ENGINE_UNAVAILABLE' })
    await own.start()
    await waitUntil('it is back', () => engine.check(soon()).then(() => true, () => false))
    assert.equal(await engine.connect(), client)
    assert.ok(await client.rtt() >= 0)
  })

  test('a connection whose server falls silent is given up', async () => {
    const broke: string[] = []
    await using own = await testNats(password)
    await using engine = natsEngine({
      url: own.url,
      pingIntervalMs: 50,
      connectTimeoutMs: 300,
      onConnectionError: ({ message }) => broke.push(message),
    })
    await engine.connect()
    own.process().kill('SIGSTOP')
    await waitUntil('it is given up', () => broke.length > 0)
    own.process().kill('SIGCONT')
    await waitUntil('it is back', () => engine.check(soon()).then(() => true, () => false))
  })
})
