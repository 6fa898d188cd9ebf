import { after, before, describe } from 'node:test'
import { howToGetRedis, redisProgram } from '../../../engines/redis/redis.fixture.ts'
import { type StoreSubject, testLimitStore } from '../store.contract.ts'
import { resolveSharedStoreOptions } from './options.ts'
import { RedisLedger } from './redis-ledger.ts'
import { SharedStore } from './shared-store.ts'
import { type RedisServer, redisServer, steppedClock } from './shared.fixture.ts'

let opened = 0

describe('the Redis store', { skip: redisProgram === undefined ? howToGetRedis : false }, () => {
  let running: RedisServer
  before(async () => {
    running = await redisServer()
  })
  after(() => running[Symbol.asyncDispose]())

  for (const leaseShare of [0, 0.1]) {
    testLimitStore(`redis, leasing ${leaseShare}`, async (): Promise<StoreSubject> => {
      // The worker's clock and Redis's are moved together; the rest of Redis's time is real.
      const clock = steppedClock(Date.now())
      // How quick this machine is, is not the claim.
      const options = resolveSharedStoreOptions({ leaseShare, clock, timeout: '1m' })
      const redis = await running.client()
      const ledger = new RedisLedger(
        { ...options, redis, prefix: `contract-${++opened}`, shiftMs: clock.now },
        clock.now
      )
      const store = new SharedStore(ledger, options)
      return {
        store,
        advance: clock.advance,
        async [Symbol.asyncDispose] () {
          await store.close()
          redis.disconnect()
        },
      }
    })
  }
})
