import type { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { type Engine, redisEngine } from '../../../engines/index.ts'
import {
  howToGetRedis,
  redisProgram,
  type TestRedis,
  testRedis,
} from '../../../engines/redis/redis.fixture.ts'
import { manualClock } from '../../../kernel/index.ts'
import { redisReplayStore } from './redis-replay-store.ts'
import { type ReplaySubject, testReplayStore } from './store.contract.ts'

const password = 'test'
let server: TestRedis | undefined

before(async () => {
  if (redisProgram !== undefined) server = await testRedis(password)
})
after(() => server?.[Symbol.asyncDispose]())

testReplayStore('redis', (t) => open(t))

async function open (t: TestContext): Promise<ReplaySubject | undefined> {
  if (server === undefined) {
    t.skip(howToGetRedis)
    return undefined
  }
  const redis = redisEngine({ url: `redis://:${password}@127.0.0.1:${server.port}` })
  // Not the default: how quick this machine is, is not the claim.
  const store = redisReplayStore({ redis, timeout: '1m' })
  return {
    store,
    pass: async (ms) => passTime(await redis.connect(), ms),
    [Symbol.asyncDispose]: () => redis.close(),
  }
}

/** The server keeps the time, so what is left of each key's is taken away instead. */
async function passTime (client: Redis, ms: number): Promise<void> {
  for (const key of await client.keys('plimsoll:nonce:*')) {
    const left = await client.pttl(key)
    await client.pexpire(key, Math.max(0, left - ms))
  }
}

test('two stores on one server, as two workers have them, remember together', async (t) => {
  await using one = await open(t)
  await using other = await open(t)
  if (one === undefined || other === undefined) return
  assert.equal(await one.store.remember('shared', 60_000), 'new')
  assert.equal(await other.store.remember('shared', 60_000), 'seen')
})

test('a server that is gone is an error, not an answer', async () => {
  await using redis = redisEngine({ url: 'redis://127.0.0.1:1' })
  await assert.rejects(async () => redisReplayStore({ redis }).remember('n', 1_000), {
    code: 'ENGINE_UNAVAILABLE',
  })
})

test('a server that does not answer is an error after the timeout', async () => {
  const clock = manualClock()
  const silent: Engine<Redis> = {
    name: 'redis',
    connect: () => new Promise(() => {}),
    check: () => Promise.resolve(),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  const answer = redisReplayStore({ redis: silent, timeout: '250ms', clock }).remember('n', 1_000)
  clock.advance(250)
  await assert.rejects(async () => answer, { code: 'REPLAY_STORE_TIMEOUT' })
  assert.equal(clock.pending(), 0)
})
