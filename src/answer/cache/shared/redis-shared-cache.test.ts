import { Cluster, type Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  howToGetRedis,
  redisProgram,
  type TestRedis,
  testRedis,
} from '../../../engines/redis/redis.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { type FleetSubject, testFleetCache, testSharedCache } from '../shared-cache.contract.ts'
import type { SharedCache } from '../shared-cache.ts'
import { redisSharedCache } from './redis-shared-cache.ts'
import { clientOf, clusterNode, type CuttableLine, cuttableLine, password } from './shared.fixture.ts'

/** Longer than any pause that a busy machine makes of itself: only who is cut off lapses. */
const membership = 800
let opened = 0

describe('the cache over Redis', { skip: redisProgram === undefined ? howToGetRedis : false }, () => {
  let server: TestRedis
  before(async () => {
    server = await testRedis(password)
  })
  after(() => server[Symbol.asyncDispose]())

  const open = (): Promise<FleetSubject> => redisFleet(server.port)
  testSharedCache('redis', open)
  testFleetCache('redis', open)

  test('a Redis Cluster: no call touches two slots, and members hear of each other', async () => {
    await using node = await clusterNode()
    const clusters = [1, 2].map(() =>
      new Cluster([{ host: '127.0.0.1', port: node.port }], { redisOptions: { password } })
    )
    const caches = clusters.map((redis) => redisSharedCache({ redis, prefix: 'cluster', membership }))
    const [one, other] = caches as [SharedCache, SharedCache]
    try {
      await waitUntil('all are members', () => caches.every(({ purges }) => purges.current))
      const { acknowledged, lapsed } = await one.purges.purge(['t'], 'soft')
      assert.deepEqual({ acknowledged, lapsed }, { acknowledged: 2, lapsed: 0 })
      for (let nth = 0; nth < 20; nth++) {
        const key = `key ${nth}`
        const [lead, follow] = [await one.enter(key, 1_000), await other.enter(key, 1_000)]
        assert.ok(lead.role === 'lead' && follow.role === 'follow')
        await lead.land(Buffer.from(key), nth % 2 === 0 ? 60_000 : 50)
        const landing = await follow.wait()
        assert.equal(typeof landing === 'object' ? Buffer.from(landing.value).toString() : landing, key)
        await one.delete(key)
        assert.equal(await other.get(key), undefined)
      }
    } finally {
      for (const cache of caches) await cache.close()
      for (const redis of clusters) redis.disconnect()
    }
  })
})

async function redisFleet (port: number): Promise<FleetSubject> {
  const prefix = `contract-${++opened}`
  const members = new Map<SharedCache, { redis: Redis; line: CuttableLine }>()
  return {
    keepsEntries: true,
    async join () {
      const line = await cuttableLine(port)
      const redis = await clientOf(line.port)
      const cache = redisSharedCache({ redis, prefix, membership, timeout: 2_000 })
      members.set(cache, { redis, line })
      await waitUntil('it knows all purges', () => cache.purges.current)
      return cache
    },
    async crash (cache) {
      members.get(cache)?.line.cut()
    },
    async cutOff (cache) {
      const { line } = members.get(cache)!
      line.cut()
      return { heal: async () => line.heal() }
    },
    async [Symbol.asyncDispose] () {
      for (const [cache, { redis, line }] of members) {
        line.heal()
        await cache.close()
        redis.disconnect()
        await line[Symbol.asyncDispose]()
      }
    },
  }
}
