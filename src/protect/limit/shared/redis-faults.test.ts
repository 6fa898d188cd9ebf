import type { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { howToGetRedis, redisProgram } from '../../../engines/redis/redis.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import type { Limit } from '../limit.ts'
import { RedisLedger } from './redis-ledger.ts'
import { redisStore, type RedisStoreOptions } from './redis-store.ts'
import type { SharedStore } from './shared-store.ts'
import {
  claim,
  concurrency,
  password,
  quota,
  rate,
  redisClusterNode,
  redisServer,
  sliding,
} from './shared.fixture.ts'
import { outages } from './simulated-ledger.fixture.ts'

/** Longer than a pause that a busy machine makes of itself: only who is killed is forgotten. */
const workerLifeMs = 3_000

const unhandled: unknown[] = []
const note = (reason: unknown): void => void unhandled.push(reason)
let prefixes = 0

describe('the Redis store', { skip: redisProgram === undefined ? howToGetRedis : false }, () => {
  beforeEach(() => process.on('unhandledRejection', note))
  afterEach(() => {
    process.off('unhandledRejection', note)
    assert.deepEqual(unhandled.splice(0), [])
  })

  // A Redis that is there is waited for: how quick this machine is, is not the claim.
  const storeOn = (redis: Redis, more: Partial<RedisStoreOptions> = {}): SharedStore =>
    redisStore({ redis, prefix: `faults-${prefixes}`, timeout: '1m', ...more })
  beforeEach(() => void prefixes++)

  test('SCRIPT FLUSH costs one more round trip and nothing else', async () => {
    await using running = await redisServer()
    const redis = await running.client()
    await using store = storeOn(redis)
    const limit = quota(3)
    assert.equal(await store.take([claim(limit)]), undefined)
    await redis.script('FLUSH')
    assert.equal(await store.take([claim(limit)]), undefined)
    const third = claim(limit)
    assert.equal(await store.take([third]), undefined)
    assert.deepEqual([third.decidedBy, third.remaining], ['store', 0])
    assert.notEqual(await store.take([claim(limit)]), undefined)
  })

  test('all claims of a request are one round trip', async () => {
    await using running = await redisServer()
    const redis = await running.client()
    await using store = storeOn(redis)
    await store.take([claim(rate(5))])
    const before = await scripts(redis)
    await store.take([rate(5), sliding(5), quota(5), concurrency(5)].map((limit) => claim(limit)))
    assert.equal(await scripts(redis) - before, 1)
  })

  test('two stores count together, and each learns of the other', async () => {
    await using running = await redisServer()
    await using one = storeOn(await running.client())
    await using other = storeOn(await running.client())
    for (const limit of [rate(2), sliding(2), quota(2), concurrency(2)]) {
      assert.equal(await one.take([claim(limit)]), undefined)
      assert.equal(await other.take([claim(limit)]), undefined)
      assert.notEqual(await one.take([claim(limit)]), undefined, limit.kind)
      assert.notEqual(await other.take([claim(limit)]), undefined, limit.kind)
    }
    await waitUntil('the first has heard of the second', async () => {
      await one.take([claim(rate(1))])
      return one.workers === 2 && other.workers === 2
    })
  })

  test('a shadow limit without room hinders no other, and a lease is a part of the share', async () => {
    await using running = await redisServer()
    const redis = await running.client()
    await using store = storeOn(redis)
    const [shadow, enforced] = [quota(1, { shadow: true }), quota(5)]
    await store.take([claim(shadow)])
    const claims = [claim(shadow), claim(enforced)]
    assert.equal(await store.take(claims), undefined)
    assert.deepEqual(claims.map(({ taken }) => taken), [false, true])
    const options = { worker: 'w', leaseShare: 0.1, workerLifeMs: 1_000, redis, prefix: 'lending' }
    const ledger = new RedisLedger(options, () => performance.now())
    const account = { kind: 'quota', capacity: 1_000, endsAtMs: 2 ** 42, nextEndsAtMs: 2 ** 43 } as const
    const ask = { key: 'a', account, take: 1, optional: false, want: 5_000, back: 0 }
    assert.equal((await ledger.settle([ask])).entries[0]?.lease, 100)
    const last = await ledger.settle([{ ...ask, take: 860 }])
    assert.deepEqual([last.entries[0]?.lease, last.entries[0]?.left], [39, 0])
  })

  test('names are of one length, say nothing of the key, and everything expires', async () => {
    await using running = await redisServer()
    const redis = await running.client()
    await using store = storeOn(redis)
    for (const limit of [rate(5), sliding(5), quota(5), concurrency(5)]) {
      for (const key of ['secret', 'x'.repeat(50_000)]) await store.take([claim(limit, key)])
    }
    const keys = await redis.keys('*')
    assert.equal(keys.length, 9)
    for (const key of keys) {
      assert.match(key, /^\{faults-\d+\}:([\w-]{22}|workers)$/)
      assert.ok(await redis.pttl(key) > 0, key)
    }
  })

  test('on a Redis Cluster the claims of a request are in one slot', async () => {
    await using running = await redisClusterNode()
    const redis = await running.client()
    await assert.rejects(redis.eval('return 1', 2, 'a', 'b'), /CROSSSLOT/)
    await using store = storeOn(redis)
    const claims = [rate(5), sliding(5), quota(5), concurrency(5)].map((limit, at) =>
      claim(limit, `key ${at}`)
    )
    assert.equal(await store.take(claims), undefined)
    assert.deepEqual(claims.map(({ decidedBy }) => decidedBy), ['store', 'store', 'store', 'store'])
  })

  test('a killed Redis: the last share decides at once, it is said once, and it comes back by itself', async () => {
    const { told, onOutage } = outages()
    const registry = new MetricsRegistry()
    await using first = await redisServer()
    const redis = await first.client()
    await using store = storeOn(redis, { onOutage, registry })
    const limit = rate(10)
    assert.equal(await store.take([claim(limit)]), undefined)
    first.server.process.kill('SIGKILL')
    await once(first.server.process, 'exit')
    await waitUntil('the connection is lost', () => redis.status !== 'ready')
    const requests = Array.from({ length: 30 }, () => claim(limit))
    for (const request of requests) assert.ok(!(store.take([request]) instanceof Promise), 'nobody waits')
    assert.equal(requests.filter(({ taken }) => taken).length, 9)
    assert.ok(requests.every(({ decidedBy }) => decidedBy === 'share'))
    assert.deepEqual(told.map(({ state }) => state), ['gone'])
    await using _second = await redisServer(first.server.port)
    await waitUntil('the store is back', () => told.length === 2)
    const after = claim(limit)
    assert.equal(await store.take([after]), undefined)
    assert.equal(after.decidedBy, 'store')
    // What the share has spent is charged: of the ten, the new server has not seen the first.
    assert.notEqual(await store.take([claim(limit)]), undefined)
    assert.deepEqual(told.map(({ state }) => state), ['gone', 'back'])
    const sum = (name: string): number | undefined =>
      registry.snapshot().families.find((family) => family.name === name)?.values.reduce((a, b) => a + b)
    assert.equal(sum('plimsoll_limit_store_stand_in_total'), 30)
    assert.equal(sum('plimsoll_limit_store_outages_total'), 1)
  })

  test('a paused Redis: those under way wait for the bound, later ones not at all', async () => {
    const { told, onOutage } = outages()
    await using running = await redisServer()
    const redis = await running.client()
    await using store = storeOn(redis, { onOutage, timeout: 400 })
    await store.take([claim(rate(1))])
    running.server.process.kill('SIGSTOP')
    try {
      const startedMs = performance.now()
      const request = claim(rate(5))
      await store.take([request])
      const tookMs = performance.now() - startedMs
      assert.equal(request.decidedBy, 'share')
      assert.ok(tookMs >= 395 && tookMs < 10_000, `${tookMs} ms`)
      for (let at = 0; at < 100; at++) assert.ok(!(store.take([claim(rate(5))]) instanceof Promise))
    } finally {
      running.server.process.kill('SIGCONT')
    }
    await waitUntil('the store is back', () => told.length === 2)
    const after = claim(rate(5))
    await store.take([after])
    assert.equal(after.decidedBy, 'store')
  })

  test('without Redis each limit does as it was told: share, open or closed', async () => {
    await using running = await redisServer()
    const redis = await running.client()
    await using store = storeOn(redis)
    running.server.process.kill('SIGKILL')
    await waitUntil('the connection is lost', () => redis.status !== 'ready')
    const open = claim(rate(1, { whenStoreFails: 'open' }), 'a', 1)
    for (let at = 0; at < 5; at++) assert.equal(await store.take([open]), undefined)
    assert.deepEqual([open.decidedBy, open.taken], ['open', false])
    const closed = claim(rate(5, { whenStoreFails: 'closed' }))
    assert.equal(await store.take([closed]), closed)
    assert.deepEqual([closed.decidedBy, closed.waitMs], ['closed', 1_000])
    const shared = claim(quota(2))
    assert.equal(await store.take([shared, closed]), closed)
    assert.equal(shared.taken, false)
    for (const limit of [rate(2), sliding(2), quota(2), concurrency(2)]) {
      const [one, two] = [claim(limit), claim(limit)]
      assert.equal(await store.take([one]), undefined)
      assert.equal(await store.take([two]), undefined)
      assert.notEqual(await store.take([claim(limit)]), undefined, limit.kind)
      store.give([two])
      store.give([two])
      if (limit.kind !== 'rate') assert.equal(await store.take([claim(limit)]), undefined, limit.kind)
    }
  })

  test('requests in flight outlive a Redis that forgets: the worker says again what it holds', async () => {
    await using first = await redisServer()
    const redis = await first.client()
    const { told, onOutage } = outages()
    await using store = storeOn(redis, { onOutage })
    const limit = concurrency(2)
    const held = claim(limit, 'a', 2)
    await store.take([held])
    first.server.process.kill('SIGKILL')
    await once(first.server.process, 'exit')
    await waitUntil('the connection is lost', () => redis.status !== 'ready')
    assert.notEqual(await store.take([claim(limit)]), undefined)
    await using second = await redisServer(first.server.port)
    await waitUntil('the store is back', () => told.length === 2)
    await using other = storeOn(await second.client())
    assert.notEqual(await other.take([claim(limit)]), undefined)
    store.release([held])
    await waitUntil('the slots are free', async () => await other.take([claim(limit, 'a', 2)]) === undefined)
  })

  test('a worker killed with slots and a lease: the slots come back, and of the lease no more is lost', async () => {
    await using running = await redisServer()
    await using store = storeOn(await running.client(), { workerLife: workerLifeMs })
    const slots = concurrency(4)
    assert.equal(await store.take([claim(slots)]), undefined)
    assert.equal(await killedHolder(running.server.port, slots, 3, 1), 1)
    assert.notEqual(await store.take([claim(slots)]), undefined)
    await waitUntil(
      "the dead worker's slots are free",
      async () => await store.take([claim(slots, 'a', 3)]) === undefined
    )
    assert.notEqual(await store.take([claim(slots)]), undefined, 'the living worker keeps its own')
    const spent = quota(100_000)
    assert.equal(await killedHolder(running.server.port, spent, 1, 500), 500)
    const request = claim(spent)
    await store.take([request])
    const lost = 100_000 - 501 - request.remaining
    assert.ok(lost >= 0 && lost <= 0.1 * 100_000, `${lost} lost`)
  })
})

/** A process that takes from a limit, and is killed while it holds. @returns how often it was admitted */
async function killedHolder (port: number, limit: Limit, cost: number, times: number): Promise<number> {
  const holder = fork(new URL('slot-holder.fixture.ts', import.meta.url), {
    execArgv: ['--conditions=plimsoll-source'],
    serialization: 'advanced',
  })
  // A calendar does not cross processes; the holder makes its own.
  const plain = limit.kind === 'quota' ? { ...limit, calendar: undefined } : limit
  holder.send({
    port,
    password,
    prefix: `faults-${prefixes}`,
    workerLifeMs,
    limit: plain,
    cost,
    times,
  })
  const [{ admitted }] = await once(holder, 'message') as [{ admitted: number }]
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  return admitted
}

/** Scripts that the server has been asked to run. */
async function scripts (redis: Redis): Promise<number> {
  const counts = (await redis.info('commandstats')).matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)
  return [...counts].reduce((sum, [, calls]) => sum + Number(calls), 0)
}
