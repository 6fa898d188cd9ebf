import { Redis } from 'ioredis'
import { createRequire } from 'node:module'
import { Claim, type RateLimit } from '../../src/protect/limit/index.ts'
import { redisStore } from '../../src/protect/limit/shared/index.ts'
import { peersFolder } from '../harness/index.ts'

/** What a worker is told to limit. */
export interface SharedOrder {
  readonly subject: SharedSubjectName
  readonly port: number
  /** Begins the names of all keys in Redis. */
  readonly prefix: string
  readonly burst: number
  readonly perSecond: number
}

/** One check of the key that all workers share: true when the request is admitted. */
export type SharedCheck = () => boolean | Promise<boolean>

export const sharedNames = ['leased', 'asking', 'flexible', 'insured'] as const
export type SharedSubjectName = typeof sharedNames[number]

export const sharedTitles: Readonly<Record<SharedSubjectName, string>> = {
  leased: 'Plimsoll, leases',
  asking: 'Plimsoll, no leases',
  flexible: 'rate-limiter-flexible, Redis',
  insured: 'rate-limiter-flexible, Redis and memory insurance',
}

const require = createRequire(`${peersFolder}/package.json`)

interface Consumes {
  consume(key: string): Promise<unknown>
}

interface FlexibleOptions {
  readonly points: number
  readonly duration: number
  readonly keyPrefix?: string
  readonly storeClient?: Redis
  readonly insuranceLimiter?: Consumes
}

type Flexible = new(options: FlexibleOptions) => Consumes

export async function openShared (order: SharedOrder): Promise<SharedCheck> {
  const redis = new Redis({ port: order.port, maxRetriesPerRequest: 1, retryStrategy: () => 50 })
  redis.on('error', () => {})
  await redis.ping()
  return order.subject === 'leased' || order.subject === 'asking' ?
    plimsoll(redis, order) :
    flexible(redis, order)
}

function plimsoll (redis: Redis, { subject, prefix, burst, perSecond }: SharedOrder): SharedCheck {
  const store = redisStore({ redis, prefix, ...(subject === 'asking' ? { leaseShare: 0 } : {}) })
  const limit: RateLimit = {
    kind: 'rate',
    id: 'bench',
    ordinal: 0,
    shadow: false,
    whenStoreFails: 'share',
    unitMs: 1_000 / perSecond,
    burst,
  }
  return () => {
    const outcome = store.take([new Claim(limit, 'client', 1)])
    return outcome instanceof Promise ?
      outcome.then((refusedBy) => refusedBy === undefined) :
      outcome === undefined
  }
}

/** Its fixed window of a second: as many points as the rate. */
function flexible (redis: Redis, { subject, prefix, perSecond }: SharedOrder): SharedCheck {
  const { RateLimiterRedis, RateLimiterMemory } = require('rate-limiter-flexible') as {
    RateLimiterRedis: Flexible
    RateLimiterMemory: Flexible
  }
  const window = { points: perSecond, duration: 1 }
  const insuranceLimiter = subject === 'insured' ? { insuranceLimiter: new RateLimiterMemory(window) } : {}
  const limiter = new RateLimiterRedis({
    ...window,
    storeClient: redis,
    keyPrefix: prefix,
    ...insuranceLimiter,
  })
  const yes = (): boolean => true
  const no = (): boolean => false
  return () => limiter.consume('client').then(yes, no)
}
