import { Redis } from 'ioredis'
import { once } from 'node:events'
import { type TestRedis, testRedis } from '../../../engines/redis/redis.fixture.ts'
import { type Clock, type ManualClock, manualClock, systemClock } from '../../../kernel/index.ts'
import { Calendar } from '../calendar.ts'
import type { ConcurrencyLimit, Limit, QuotaLimit, RateLimit, SlidingLimit } from '../limit.ts'
import { Claim } from '../store.ts'

const password = 'limits'
let ordinal = 0

function base (name: string): Pick<Limit, 'id' | 'ordinal' | 'shadow' | 'whenStoreFails'> {
  ordinal++
  return { id: `${name} ${ordinal}`, ordinal, shadow: false, whenStoreFails: 'share' }
}

/** A unit an hour, unless told otherwise: slow enough that the time a test takes changes nothing. */
export function rate (burst: number, more: Partial<RateLimit> = {}): RateLimit {
  return { ...base('rate'), kind: 'rate', unitMs: 3_600_000, burst, ...more }
}

export function sliding (requests: number, more: Partial<SlidingLimit> = {}): SlidingLimit {
  return { ...base('sliding'), kind: 'sliding', windowMs: 3_600_000, requests, ...more }
}

export function quota (requests: number, more: Partial<QuotaLimit> = {}): QuotaLimit {
  return { ...base('quota'), kind: 'quota', requests, calendar: new Calendar('month', 'UTC'), ...more }
}

export function concurrency (inFlight: number, more: Partial<ConcurrencyLimit> = {}): ConcurrencyLimit {
  return { ...base('concurrency'), kind: 'concurrency', inFlight, ...more }
}

export function claim (limit: Limit, key = 'a', cost = 1): Claim {
  return new Claim(limit, key, cost)
}

/**
 * A clock whose time is moved by hand and whose timers are real: for round trips to a real engine, which would
 * all be late if their timers were moved past them.
 */
export function steppedClock (startEpochMs: number): Clock & Pick<ManualClock, 'advance'> {
  const { now, epochMs, advance } = manualClock(startEpochMs)
  return { now, epochMs, advance, after: systemClock.after, every: systemClock.every }
}

export interface RedisServer extends AsyncDisposable {
  readonly server: TestRedis
  /** A connected client, closed with the server. */
  client(): Promise<Redis>
}

/** A Redis of its own, and clients as the redis engine makes them. */
export async function redisServer (port?: number): Promise<RedisServer> {
  const server = await testRedis(password, port)
  const clients: Redis[] = []
  return {
    server,
    async client () {
      const redis = new Redis({
        port: server.port,
        host: '127.0.0.1',
        password,
        maxRetriesPerRequest: 1,
        retryStrategy: () => 20,
      })
      redis.on('error', () => {})
      clients.push(redis)
      await once(redis, 'ready')
      return redis
    },
    async [Symbol.asyncDispose] () {
      for (const redis of clients) redis.disconnect()
      await server[Symbol.asyncDispose]()
    },
  }
}
