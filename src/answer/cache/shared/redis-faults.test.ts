import type { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import {
  howToGetRedis,
  redisProgram,
  type TestRedis,
  testRedis,
} from '../../../engines/redis/redis.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import type { SharedCache } from '../shared-cache.ts'
import { ServingFleet } from './fleet.fixture.ts'
import type { CacheOutage } from './options.ts'
import { redisSharedCache } from './redis-shared-cache.ts'
import { clientOf, password } from './shared.fixture.ts'

/** Longer than any pause that a busy machine makes of itself: only who is stopped lapses. */
const membershipMs = 1_000

interface Stage extends AsyncDisposable {
  readonly server: TestRedis
  readonly redis: Redis
  readonly cache: SharedCache
  readonly fleet: ServingFleet
  readonly told: readonly CacheOutage[]
  /** The server is killed, and another one takes its place, with nothing in it. */
  restart(): Promise<void>
}

/** A Redis, a purging process (this one) and processes that serve. */
async function stage (members: number): Promise<Stage> {
  let server = await testRedis(password)
  const redis = await clientOf(server.port)
  const told: CacheOutage[] = []
  const cache = redisSharedCache({
    redis,
    prefix: 'faults',
    membership: membershipMs,
    onOutage: (outage) => told.push(outage),
  })
  const order = { port: server.port, prefix: 'faults', membership: membershipMs }
  const fleet = await ServingFleet.start(members, order, cache)
  await waitUntil('all serve', () => fleet.allServe())
  return {
    get server () {
      return server
    },
    redis,
    cache,
    fleet,
    told,
    async restart () {
      const { port } = server
      await server[Symbol.asyncDispose]()
      server = await testRedis(password, port)
    },
    async [Symbol.asyncDispose] () {
      await fleet[Symbol.asyncDispose]()
      await cache.close()
      redis.disconnect()
      await server[Symbol.asyncDispose]()
    },
  }
}

describe('the cache over Redis, when things go wrong', {
  skip: redisProgram === undefined ? howToGetRedis : false,
}, () => {
  test('a leader that is killed is replaced by one other within its lease', async () => {
    await using on = await stage(2)
    const [leader] = on.fleet.members
    assert.ok(leader !== undefined)
    assert.equal(await on.fleet.lead(leader, 'slow', 1_000), 'lead')
    const follower = await on.cache.enter('slow', 1_000)
    assert.equal(follower.role, 'follow')
    const startedMs = performance.now()
    leader.kill('SIGKILL')
    if (follower.role === 'follow') assert.equal(await follower.wait(), 'leader-lost')
    assert.ok(performance.now() - startedMs < 4_000, `${performance.now() - startedMs} ms`)
    assert.equal((await on.cache.enter('slow', 1_000)).role, 'lead')
  })

  test('a leader that was paused beyond its lease lands nothing over what its successor has made', async () => {
    await using on = await stage(1)
    const [leader] = on.fleet.members
    assert.ok(leader !== undefined)
    assert.equal(await on.fleet.lead(leader, 'slow', 300), 'lead')
    leader.kill('SIGSTOP')
    const follower = await on.cache.enter('slow', 300)
    if (follower.role === 'follow') assert.equal(await follower.wait(), 'leader-lost')
    const successor = await on.cache.enter('slow', 300)
    assert.ok(successor.role === 'lead')
    await successor.land(Buffer.from('newer'), 60_000)
    leader.kill('SIGCONT')
    await on.fleet.land(leader, 'older')
    assert.equal(Buffer.from(await on.cache.get('slow') ?? []).toString(), 'newer')
  })

  test('purges, while a member stands still for longer than its membership: no stale byte after the acknowledgement', async (t) => {
    await using on = await stage(2)
    const [paused] = on.fleet.members
    for (let round = 0; round < 3; round++) {
      assert.deepEqual((await on.fleet.write()).lapsed, 0)
      paused?.kill('SIGSTOP')
      const held = await on.fleet.write()
      assert.equal(held.lapsed, 1)
      assert.ok(held.seconds < 1.5 * membershipMs / 1_000 + 4, `${held.seconds} s`)
      const next = await on.fleet.write()
      assert.equal(next.lapsed, 0)
      t.diagnostic(`held up for ${held.seconds.toFixed(3)} s, then ${next.seconds.toFixed(3)} s`)
      paused?.kill('SIGCONT')
      await waitUntil('all serve the last version', () => on.fleet.allServe())
    }
    assert.deepEqual(await on.fleet.staleServed(), [])
  })

  test('a Redis that was emptied: what is older than that is stale, and no purge is acknowledged too early', async () => {
    await using on = await stage(2)
    await on.fleet.write()
    await waitUntil('all serve the last version', () => on.fleet.allServe())
    const before = on.cache.purges.sequence
    await on.redis.flushall()
    const receipt = await on.fleet.write()
    assert.ok(receipt.sequence > before)
    assert.ok(on.cache.purges.staleSince('another') > before)
    assert.ok(
      on.cache.purges.goneSince('another') < before,
      'who missed nothing keeps what it may serve stale'
    )
    await waitUntil('all serve the last version', () => on.fleet.allServe())
    assert.deepEqual(await on.fleet.staleServed(), [])
  })

  test('a Redis that is killed, and comes back empty: said once, a purge fails meanwhile, and all catch up', async () => {
    await using on = await stage(2)
    await on.fleet.write()
    await waitUntil('all serve the last version', () => on.fleet.allServe())
    const before = on.cache.purges.sequence
    on.server.process.kill('SIGKILL')
    await once(on.server.process, 'exit')
    await waitUntil('the connection is lost', () => on.redis.status !== 'ready')
    await assert.rejects(on.fleet.write(), { code: 'CACHE_PURGE_FAILED' })
    assert.ok(on.cache.purges.staleSince('product:1') > before, 'it holds in this process')
    assert.equal(await on.cache.get('k'), undefined)
    await on.cache.set('k', Buffer.from('v'), 1_000)
    const alone = await on.cache.enter('k', 1_000)
    assert.equal(alone.role, 'lead')
    assert.equal((await on.cache.enter('k', 1_000)).role, 'follow')
    await waitUntil('its membership runs out', () => !on.cache.purges.current)
    assert.deepEqual(on.told.map(({ state }) => state), ['gone'])
    await on.restart()
    await waitUntil('it is back', () => on.cache.purges.current)
    assert.deepEqual(on.told.map(({ state }) => state), ['gone', 'back'])
    assert.ok(on.cache.purges.goneSince('another') > before, 'it may have missed a hard purge')
    const receipt = await on.fleet.write()
    assert.ok(receipt.sequence > before)
    await waitUntil('all serve the last version', () => on.fleet.allServe())
    assert.deepEqual(await on.fleet.staleServed(), [])
  })

  test('a Redis that stands still: requests wait for it once, memberships run out, and all catch up', async () => {
    await using on = await stage(2)
    on.server.process.kill('SIGSTOP')
    try {
      const startedMs = performance.now()
      assert.equal(await on.cache.get('k'), undefined)
      const onceMs = performance.now() - startedMs
      for (let at = 0; at < 100; at++) assert.equal(await on.cache.get('k'), undefined)
      assert.ok(performance.now() - startedMs < 30 * onceMs, 'later ones do not wait')
      await assert.rejects(on.fleet.write(), { code: 'CACHE_PURGE_FAILED' })
      await waitUntil('its membership runs out', () => !on.cache.purges.current)
      await pause(2 * membershipMs)
    } finally {
      on.server.process.kill('SIGCONT')
    }
    await waitUntil('it is back', () => on.cache.purges.current)
    await on.fleet.write()
    await waitUntil('all serve the last version', () => on.fleet.allServe())
    assert.deepEqual(await on.fleet.staleServed(), [])
    assert.deepEqual(on.told.map(({ state }) => state), ['gone', 'back'])
  })
})
