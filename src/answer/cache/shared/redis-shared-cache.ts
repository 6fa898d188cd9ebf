import { type Duration, parseDuration } from '../../../kernel/index.ts'
import type { SharedCache } from '../shared-cache.ts'
import { type EntryStore, FleetCache } from './fleet-cache.ts'
import { fleetCounts } from './fleet-counts.ts'
import { FleetFlights } from './fleet-flights.ts'
import { FleetPurges } from './fleet-purges.ts'
import { Link } from './link.ts'
import { type FleetOptions, resolveFleetOptions } from './options.ts'
import { RedisFlightBoard, wholeMs } from './redis-flight-board.ts'
import { RedisInbox, type RedisSubscriber } from './redis-inbox.ts'
import { redisKeys } from './redis-keys.ts'
import { RedisPurgeLog } from './redis-purge-log.ts'
import type { RedisCalls } from './redis-script.ts'

/** What is used of an `ioredis` client: its `Redis` and its `Cluster` both fit. */
export interface RedisClient extends RedisCalls {
  /** `ready` when it is connected. */
  readonly status: string
  getBuffer(key: string): Promise<Buffer | null>
  set(key: string, value: Buffer, unit: 'PX', ms: number): Promise<unknown>
  del(key: string): Promise<unknown>
  /** For the connection that listens. */
  duplicate(): RedisSubscriber
}

export interface RedisSharedCacheOptions extends FleetOptions {
  /** A connected `ioredis` client; yours to close, after the cache. */
  readonly redis: RedisClient
  /** No entry is kept longer, and a purge is remembered for so long; at least a second. @default '7d' */
  readonly longestKeep?: Duration
}

/**
 * The cache's second layer for machines that share a Redis or Valkey, 6 or later, or its cluster.
 *
 * @throws SettingError for an option out of its range
 */
export function redisSharedCache (options: RedisSharedCacheOptions): SharedCache {
  const { redis } = options
  const { prefix, member, membershipMs, timeoutMs, clock, registry, onOutage } = resolveFleetOptions(options)
  const keepMs = Math.max(1_000, parseDuration(options.longestKeep ?? '7d', 'cache.longestKeep'))
  const counts = fleetCounts('redis', registry)
  const inbox = new RedisInbox(() => redis.duplicate(), clock)
  const link = new Link({
    store: 'redis',
    clock,
    timeoutMs,
    counts,
    onOutage,
    reachable: () => redis.status === 'ready',
    onDoubt: () => void purges.sync(),
  })
  const purges = new FleetPurges({
    log: new RedisPurgeLog({ redis, inbox, prefix, member, membershipMs, keepMs }),
    link,
    clock,
    counts,
    membershipMs,
  })
  const flights = new FleetFlights({
    board: new RedisFlightBoard({ redis, inbox, prefix, member, keepMs }),
    link,
    clock,
    counts,
    member,
    giveUpMs: membershipMs,
  })
  const entries: EntryStore = {
    get: async (key) => await redis.getBuffer(redisKeys(prefix, key).entry) ?? undefined,
    async set (key, { buffer, byteOffset, byteLength }, forMs) {
      const value = Buffer.from(buffer, byteOffset, byteLength)
      await redis.set(redisKeys(prefix, key).entry, value, 'PX', wholeMs(forMs, keepMs))
    },
    async delete (key) {
      await redis.del(redisKeys(prefix, key).entry)
    },
  }
  return new FleetCache({ entries, flights, purges, link, counts, timeoutMs, release: () => inbox.close() })
}
