import type { Redis } from 'ioredis'
import { SettingError } from '../../kernel/index.ts'
import type { ReplayStore } from '../../protect/verify/index.ts'
import type { PathCallers } from './callers.ts'
import type { ServiceEnvironment } from './environment.ts'
import type { RedisOf } from './open-engines.ts'
import type { Service } from './service.ts'

/** The callers of a service, with nonces kept where it says. */
export async function callersOf (
  { name, redis, callers = {} }: Pick<Service, 'name' | 'redis' | 'callers'>,
  { local }: Pick<ServiceEnvironment, 'local'>,
  redisOf: RedisOf
): Promise<PathCallers> {
  const { signatures, agents, ...others } = callers
  async function keeping<Options extends { readonly replay?: ReplayStore | 'shared' }> (
    options: Options,
    whose: 'signatures' | 'agents'
  ): Promise<Omit<Options, 'replay'> & { readonly replay?: ReplayStore }> {
    const { replay, ...rest } = options
    if (replay === undefined) return rest
    if (typeof replay !== 'string') return { ...rest, replay }
    if (replay !== 'shared')
      throw new SettingError(`service.callers.${whose}.replay`, "'shared', or a store of nonces", replay)
    // Loaded by services that check signatures, so that the others start without it.
    const { localReplayStore, redisReplayStore } = await import('../../protect/verify/index.ts')
    const prefix = `nonce:${name}:${whose}:`
    if (redis !== true) return { ...rest, replay: localReplayStore(local, prefix) }
    const client = await redisOf('since nonces are shared') as Redis
    return {
      ...rest,
      replay: redisReplayStore({
        redis: { connect: () => Promise.resolve(client) },
        prefix: `plimsoll:${prefix}`,
      }),
    }
  }
  return {
    ...others,
    ...(signatures === undefined ? {} : { signatures: await keeping(signatures, 'signatures') }),
    ...(agents === undefined ? {} : { agents: await keeping(agents, 'agents') }),
  }
}
