// A worker that takes slots and tokens of a Redis store, says so, and waits to be killed.
import { Redis } from 'ioredis'
import { once } from 'node:events'
import { Calendar } from '../calendar.ts'
import type { Limit } from '../limit.ts'
import { Claim } from '../store.ts'
import { redisStore } from './redis-store.ts'

export interface HolderOrder {
  readonly port: number
  readonly password: string
  readonly prefix: string
  readonly workerLifeMs: number
  readonly limit: Limit
  readonly cost: number
  readonly times: number
}

process.once('message', async (order: HolderOrder) => {
  const { port, password, prefix, workerLifeMs, cost, times } = order
  const limit = order.limit.kind === 'quota' ?
    { ...order.limit, calendar: new Calendar('month', 'UTC') } :
    order.limit
  const redis = new Redis({ port, password })
  await once(redis, 'ready')
  const store = redisStore({ redis, prefix, workerLife: workerLifeMs, timeout: '1m' })
  let admitted = 0
  for (let at = 0; at < times; at++)
    if (await store.take([new Claim(limit, 'a', cost)]) === undefined) admitted++
  process.send?.({ admitted })
})
