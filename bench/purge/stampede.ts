import type { Redis } from 'ioredis'
import type { Server } from '../harness/index.ts'
import { HttpClient } from './http.ts'

/** What 1,000 requests for one missing key came to. */
export interface Stampede {
  readonly handlerRuns: number
  /** From the first request to the last answer. */
  readonly lastMs: number
  readonly failed: number
}

export async function stampede (
  workers: readonly Server[],
  database: Redis,
  requests: number,
  key: string
): Promise<Stampede> {
  using client = new HttpClient()
  const replies = await Promise.all(Array.from({ length: requests }, (_, nth) => {
    const worker = workers[nth % workers.length]
    if (worker === undefined) throw new Error('there is no worker')
    return client.send(worker.address, 'GET', `/values/${key}`)
  }))
  const startedMs = Math.min(...replies.map(({ sentMs }) => sentMs))
  return {
    handlerRuns: Number(await database.get(`runs:${key}`)),
    lastMs: Math.max(...replies.map(({ gotMs }) => gotMs)) - startedMs,
    failed: replies.filter(({ status }) => status !== 200).length,
  }
}
