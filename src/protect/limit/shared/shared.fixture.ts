import { Redis } from 'ioredis'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { redisProgram, type TestRedis, testRedis } from '../../../engines/redis/redis.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { type Clock, type ManualClock, manualClock, systemClock } from '../../../kernel/index.ts'
import { Calendar } from '../calendar.ts'
import type { ConcurrencyLimit, Limit, QuotaLimit, RateLimit, SlidingLimit } from '../limit.ts'
import { Claim } from '../store.ts'

export const password = 'limits'
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
  return serving(await testRedis(password, port))
}

/** A Redis Cluster of one node, which refuses scripts over several slots as any does. */
export async function redisClusterNode (): Promise<RedisServer> {
  const free = await testRedis(password)
  await free[Symbol.asyncDispose]()
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-limits-'))
  const args = ['--bind', '127.0.0.1', '--port', String(free.port), '--save', '', '--requirepass', password]
  const child = spawn(redisProgram ?? '', [...args, '--cluster-enabled', 'yes', '--dir', folder], {
    stdio: 'ignore',
  })
  const running = serving({
    port: free.port,
    process: child,
    async [Symbol.asyncDispose] () {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      await rm(folder, { recursive: true })
    },
  })
  const redis = await running.client()
  await redis.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await waitUntil(
    'the cluster is up',
    async () => String(await redis.call('CLUSTER', 'INFO')).includes('cluster_state:ok')
  )
  return running
}

function serving (server: TestRedis): RedisServer {
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
      await waitUntil('the client is connected', () => redis.status === 'ready')
      return redis
    },
    async [Symbol.asyncDispose] () {
      for (const redis of clients) redis.disconnect()
      await server[Symbol.asyncDispose]()
    },
  }
}
