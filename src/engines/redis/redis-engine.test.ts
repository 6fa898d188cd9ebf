import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { testEngine } from '../engine.contract.ts'
import { type SilentServer, silentServer } from '../silent-server.fixture.ts'
import { waitUntil } from '../wait-until.fixture.ts'
import { loadIoredis } from './load-ioredis.ts'
import { redisEngine } from './redis-engine.ts'
import { howToGetRedis, redisProgram, type TestRedis, testRedis } from './redis.fixture.ts'

const password = 's3cret-word'
const closedPort = `redis://:${password}@127.0.0.1:1/2`
const soon = (): AbortSignal => AbortSignal.timeout(60_000)

test('a missing package says what to install', async () => {
  const missing = Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
  await assert.rejects(loadIoredis(() => Promise.reject(missing)), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'ENGINE_MISSING')
    assert.match(error.message, /npm install ioredis/)
    return true
  })
})

test('a wrong URL stops the boot without repeating it', () => {
  for (const url of [`http://:${password}@h`, password, `redis://:${password}@h:port`]) {
    assert.throws(() => redisEngine({ url }), (error: Error) => {
      assert.match(error.message, /^redis\.url must be a Redis URL/)
      assert.ok(!error.message.includes(password))
      return true
    })
  }
})

test('what is not there is named, with its database, and without the password', async () => {
  await using engine = redisEngine({ url: closedPort })
  await assert.rejects(engine.connect(), (error: Error) => {
    assert.match(
      error.message,
      /^redis at 127\.0\.0\.1:1\/2 is unavailable: nothing listens there; start Redis/
    )
    assert.ok(!String(error.stack).includes(password))
    return true
  })
})

describe('against a real server', { skip: redisProgram === undefined ? howToGetRedis : false }, () => {
  let server: TestRedis
  let silence: SilentServer
  before(async () => {
    server = await testRedis(password)
    silence = await silentServer()
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    await silence[Symbol.asyncDispose]()
  })
  const url = (): string => `redis://:${password}@127.0.0.1:${server.port}/0`

  testEngine({
    name: 'redis',
    password,
    up: async () => redisEngine({ url: url() }),
    down: async () => redisEngine({ url: closedPort }),
    unreachable: async () => redisEngine({ url: closedPort }),
    silent: async () => redisEngine({ url: `redis://127.0.0.1:${silence.port}`, connectTimeoutMs: 500 }),
  })

  test('a wrong password and a missing one are told apart', async () => {
    await using wrong = redisEngine({ url: `redis://:wrong@127.0.0.1:${server.port}` })
    await assert.rejects(wrong.connect(), /is unavailable: it refused the password of this user/)
    await using missing = redisEngine({ url: `redis://127.0.0.1:${server.port}` })
    await assert.rejects(missing.connect(), /is unavailable: it asks for a password/)
  })

  test('a connect is bounded even when the server takes the connection and says nothing', async () => {
    await using engine = redisEngine({ url: `redis://127.0.0.1:${silence.port}`, connectTimeoutMs: 50 })
    await assert.rejects(engine.connect(), /did not answer in time/)
  })

  test('a killed server fails the check, and when it is back the same client works again', async () => {
    let broken = 0
    const first = await testRedis(password)
    await using engine = redisEngine({
      url: `redis://:${password}@127.0.0.1:${first.port}`,
      onConnectionError: () => broken++,
    })
    const client = await engine.connect()
    await client.set('key', 'value')
    await first[Symbol.asyncDispose]()
    await waitUntil('it is noticed', () => client.status !== 'ready')
    await assert.rejects(engine.check(soon()), { code: 'ENGINE_UNAVAILABLE' })
    await waitUntil('a retry failed', () => broken > 0)
    await using _second = await testRedis(password, first.port)
    await waitUntil('it is back', () => client.status === 'ready')
    await engine.check(soon())
    assert.equal(await client.get('key'), null)
  })

  test('a connection whose server falls silent is given up and made again', async () => {
    await using own = await testRedis(password)
    await using engine = redisEngine({
      url: `redis://:${password}@127.0.0.1:${own.port}/0`,
      replyTimeoutMs: 100,
      connectTimeoutMs: 500,
    })
    const client = await engine.connect()
    assert.equal(await client.set('here', '1'), 'OK')
    own.process.kill('SIGSTOP')
    await assert.rejects(client.get('here'))
    own.process.kill('SIGCONT')
    await waitUntil('it answers again', async () => await client.get('here').catch(() => null) === '1')
  })
})
