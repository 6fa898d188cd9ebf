import { SettingError } from '../../../kernel/index.ts'
import { resolveSharedStoreOptions, type SharedStoreOptions } from './options.ts'
import { RedisLedger, type RedisScripts } from './redis-ledger.ts'
import { SharedStore } from './shared-store.ts'

export interface RedisStoreOptions extends SharedStoreOptions {
  /** A connected `ioredis` client (`Redis` or `Cluster`); yours to close. */
  readonly redis: RedisScripts
  /** Names the limits of one service: stores with the same prefix share them. @default 'plimsoll:limit' */
  readonly prefix?: string
}

/**
 * Limits that all workers of all machines share through Redis or Valkey, 6 or later. See {@link SharedStore} for
 * leases and bounds, {@link RedisLedger} for what is kept and for Redis Cluster.
 *
 * @throws SettingError for an option out of its range
 */
export function redisStore (options: RedisStoreOptions): SharedStore {
  const { redis, prefix = 'plimsoll:limit' } = options
  if (!/^[^{}\s]{1,100}$/.test(prefix))
    throw new SettingError('limit.prefix', '1 to 100 characters without spaces and braces', prefix)
  const resolved = resolveSharedStoreOptions(options)
  return new SharedStore(new RedisLedger({ ...resolved, redis, prefix }, resolved.clock.now), resolved)
}
