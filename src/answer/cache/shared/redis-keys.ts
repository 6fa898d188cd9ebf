import { createHash } from 'node:crypto'

/**
 * The names of what is kept for one cache key: hashes of fixed length, since a cache key can be long and tell of a user.
 * All names of one cache key are in one slot of a Redis Cluster, and the cache keys are spread over the slots.
 */
export interface RedisKeys {
  readonly entry: string
  readonly flight: string
  /** @param token of the leader whose flight has ended */
  outcome(token: string): string
}

export function redisKeys (prefix: string, key: string): RedisKeys {
  const tag = `{${prefix}:${createHash('sha256').update(key).digest('base64url')}}`
  return { entry: `${tag}:entry`, flight: `${tag}:flight`, outcome: (token) => `${tag}:outcome:${token}` }
}
