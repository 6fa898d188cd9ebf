import type { Redis } from 'ioredis'
import type { CursorKeys, GovernedPool, Reads } from '../../data/index.ts'
import { redisEngine } from '../../engines/index.ts'
import { SettingError } from '../../kernel/index.ts'
import type { Compute } from '../compute/index.ts'
import { connectWhenUp } from './connect-when-up.ts'
import type { ServiceEnvironment } from './environment.ts'
import { openDatabase } from './open-database.ts'
import type { Service } from './service.ts'

/** What a service asks for, connected; `undefined` for what it does not. Closed by the environment's lifecycle. */
export interface Engines {
  readonly data: GovernedPool | undefined
  /** There when the service has a database; reads go to its primary where it has no replicas. */
  readonly reads: Reads | undefined
  /** Sign the cursors of pages. */
  readonly cursors: CursorKeys | undefined
  readonly redis: Redis | undefined
  readonly compute: Compute | undefined
}

/** @throws SettingError for a setting that the service needs; what an engine or a migration throws */
export async function openEngines (service: Service, environment: ServiceEnvironment): Promise<Engines> {
  const { name, database, redis, compute } = service
  const opened = database === undefined ? undefined : await openDatabase(name, database, environment)
  return {
    data: opened?.data,
    reads: opened?.reads,
    cursors: opened?.cursors,
    redis: redis === true ?
      await openRedis('since the service declares `redis: true`', environment) :
      undefined,
    compute: compute === undefined ? undefined : await openThreads(compute, environment),
  }
}

/** The service's Redis, connected when it is first asked for. @param reason why it is needed, for the message */
export type RedisOf = (reason: string) => Promise<Redis>

/** One client for all that need Redis: that of the service, or one that is opened for the first. */
export function redisOf ({ redis }: Engines, environment: ServiceEnvironment): RedisOf {
  let opening: Promise<Redis> | undefined
  return (reason) => opening ??= redis === undefined ? openRedis(reason, environment) : Promise.resolve(redis)
}

async function openRedis (
  reason: string,
  environment: ServiceEnvironment
): Promise<Redis> {
  const { settings, health, lifecycle } = environment
  const { url } = settings.redis
  if (url === undefined) throw new SettingError('redis.url', `set, ${reason}`, url)
  const engine = redisEngine({ url })
  await lifecycle.start({ name: 'redis', close: () => engine.close() })
  const client = await connectWhenUp(engine, environment)
  health.addCheck({ name: 'redis', run: (signal) => engine.check(signal) })
  return client
}

async function openThreads (
  module: URL,
  { settings, telemetry: { registry, logger }, lifecycle }: ServiceEnvironment
): Promise<Compute> {
  // Loaded by services that compute, so that the others start without it.
  const { openCompute } = await import('../compute/index.ts')
  const { threads, queue } = settings.compute
  const compute = await openCompute({
    module,
    queue,
    registry,
    onThreadLost: (error) => logger.error({ err: error }, 'a compute thread was lost'),
    ...(threads === 'auto' ? {} : { threads }),
  })
  await lifecycle.start({ name: 'compute', close: () => compute.close() })
  return compute
}
