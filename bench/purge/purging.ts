import type { Redis } from 'ioredis'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/kernel/index.ts'
import type { Server } from '../harness/index.ts'
import { HttpClient, type Reply } from './http.ts'

/** One purge while all workers are read. */
export interface Purged {
  /** From the call to the receipt, as the worker that purged measured it: until the last worker had applied it. */
  readonly acknowledgedMs: number
  /** From the request to the last byte of an old version that anybody got; 0 when nobody got one. */
  readonly lastStaleMs: number
  /** Answers of an old version to requests that were begun after the receipt was here. */
  readonly staleAfter: number
  readonly reads: number
}

interface Receipt {
  readonly acknowledged: number
  readonly lapsed: number
  readonly seconds: number
}

const path = '/values/hot'

/** Purges time after time, while every worker is read without a pause. */
export async function purging (
  workers: readonly Server[],
  database: Redis,
  rounds: number,
  readersEach: number
): Promise<readonly Purged[]> {
  using client = new HttpClient()
  const over = new AbortController()
  let replies: Reply[] = []
  const read = async ({ address }: Server): Promise<void> => {
    while (!over.signal.aborted) replies.push(await client.send(address, 'GET', path))
  }
  const readers = workers.flatMap((worker) => Array.from({ length: readersEach }, () => read(worker)))
  const purges: Purged[] = []
  for (let round = 0; round < rounds; round++) {
    await pause(20)
    const purger = workers[round % workers.length]
    if (purger === undefined) throw new Error('there is no worker')
    replies = []
    const version = await database.incr('version')
    const calledMs = systemClock.now()
    const receipt = await client.json<Receipt>(purger.address, 'POST', `/purge/hot?soft=${round % 2}`)
    const receivedMs = systemClock.now()
    if (receipt.acknowledged !== workers.length) throw new Error(`a purge was ${JSON.stringify(receipt)}`)
    await pause(30)
    const stale = replies.filter(({ body }) => JSON.parse(body).version < version)
    purges.push({
      acknowledgedMs: receipt.seconds * 1_000,
      lastStaleMs: Math.max(0, ...stale.map(({ gotMs }) => gotMs - calledMs)),
      staleAfter: stale.filter(({ sentMs }) => sentMs > receivedMs).length,
      reads: replies.length,
    })
  }
  over.abort()
  await Promise.all(readers)
  return purges
}
