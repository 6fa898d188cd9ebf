import type { Redis } from 'ioredis'
import type { SharedCache } from '../../answer/cache/index.ts'
import type { CacheOutage } from '../../answer/cache/shared/index.ts'
import type { CacheOptions } from '../pipeline/index.ts'
import type { ServiceEnvironment } from './environment.ts'
import type { RedisOf } from './open-engines.ts'
import type { Service } from './service.ts'

/** How much is kept, and what makes the layer that workers and machines share, should a route be cached. */
export async function sharedAnswers (
  { name, version, redis }: Service,
  { settings: { cache }, telemetry: { registry, logger }, lifecycle, local }: ServiceEnvironment,
  redisOf: RedisOf
): Promise<Pick<CacheOptions, 'memory' | 'shared' | 'namespace'>> {
  const { memory } = cache
  // What a release keeps may not be what the next one would answer.
  const namespace = version
  const kind = cache.store === 'auto' ? redis === true ? 'redis' : 'local' : cache.store
  if (kind === 'memory') return { memory, namespace }
  const client = kind === 'redis' ? await redisOf('since cache.store is redis') : undefined
  const { localSharedCache, redisSharedCache } = await import('../../answer/cache/shared/index.ts')
  const options = {
    registry,
    prefix: `plimsoll:cache:${name}`,
    onOutage (outage: CacheOutage) {
      if (outage.state === 'gone')
        logger.warn({ err: outage.error }, 'the shared cache is gone: each worker goes on with its own')
      else logger.info({ downMs: outage.downMs }, 'the shared cache is back')
    },
  }
  return {
    memory,
    namespace,
    shared (): SharedCache {
      const shared = client === undefined ?
        localSharedCache({ ...options, client: local }) :
        redisSharedCache({ ...options, redis: client as Redis })
      void lifecycle.start({ name: 'cache', close: () => shared.close() })
      return shared
    },
  }
}
