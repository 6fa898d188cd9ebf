import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { howToGetRedis, redisProgram, type TestRedis, testRedis } from '../../engines/redis/redis.fixture.ts'
import { redisIdempotencyStore } from './redis-store.ts'
import { claimOf, someAnswer, someKey, take } from './store-under-test.fixture.ts'
import { testIdempotencyStore } from './store.contract.ts'

if (redisProgram === undefined) {
  test('redis store', (t) => t.skip(howToGetRedis))
} else {
  let server: TestRedis
  let redis: Redis
  const prefix = 'test:idempotency:'
  const nameOf = (key: Buffer): string => prefix + key.toString('base64url')

  before(async () => {
    server = await testRedis('secret')
    redis = new Redis({ port: server.port, password: 'secret' })
    redis.on('error', () => {})
  })
  after(async () => {
    redis?.disconnect()
    await server?.[Symbol.asyncDispose]()
  })

  testIdempotencyStore('redis', async () => ({
    store: redisIdempotencyStore({ redis, prefix }),
    async lapse (key) {
      if (await redis.hexists(nameOf(key), 'until') === 1) await redis.hset(nameOf(key), 'until', '0')
    },
    async expire (key) {
      await redis.del(nameOf(key))
    },
    async [Symbol.asyncDispose] () {},
  }), { runs: 60 })

  test('redis: scripts that the server has forgotten are sent again', async () => {
    const store = redisIdempotencyStore({ redis, prefix })
    const lease = await take(store, someKey())
    await redis.script('FLUSH')
    assert.equal(await store.settle(lease, someAnswer), true)
  })

  test('redis: every key expires by itself, one given back too', async () => {
    const store = redisIdempotencyStore({ redis, prefix })
    const key = someKey()
    const lease = await take(store, key)
    await store.release(lease)
    const left = await redis.pttl(nameOf(key))
    assert.ok(left > 0 && left <= claimOf(key).keepMs, String(left))
  })
}
