export { localSharedCache, type LocalSharedCacheOptions } from './local-shared-cache.ts'
export { type CacheOutage, type FleetOptions } from './options.ts'
export { type RedisClient, redisSharedCache, type RedisSharedCacheOptions } from './redis-shared-cache.ts'
