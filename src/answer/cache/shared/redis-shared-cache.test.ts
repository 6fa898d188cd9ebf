import { Redis } from 'ioredis'
import { after, before, describe } from 'node:test'
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
import { clientOf, type CuttableLine, cuttableLine, password } from './shared.fixture.ts'

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
})

async function redisFleet (port: number): Promise<FleetSubject> {
  const prefix = `contract-${++opened}`
  const members = new Map<SharedCache, { redis: Redis; line: CuttableLine }>()
  return {
    keepsEntries: true,
    async join () {
      const line = await cuttableLine(port)
      const redis = await clientOf(line.port)
      const cache = redisSharedCache({ redis, prefix, membership: 400, timeout: 2_000 })
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
