import type { Redis } from 'ioredis'
import type { Engine } from '../../../engines/index.ts'
import { type Clock, type Duration, parseDuration, systemClock } from '../../../kernel/index.ts'
import type { ReplayAnswer, ReplayStore } from './store.ts'

export interface RedisReplayOptions {
  /** Yours to close. */
  readonly redis: Pick<Engine<Redis>, 'connect'>
  /** Before every key. @default `plimsoll:nonce:` */
  readonly prefix?: string
  /** How long an answer is waited for. @default 250 milliseconds */
  readonly timeout?: Duration
  readonly clock?: Clock
}

/** Redis, or Valkey, did not say in time whether a nonce is new. */
export class ReplayStoreTimeoutError extends Error {
  override readonly name = 'ReplayStoreTimeoutError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'REPLAY_STORE_TIMEOUT'

  constructor (timeoutMs: number) {
    super(
      `Redis did not answer within ${timeoutMs} ms whether a nonce is new; check its load and the network`
    )
  }
}

/**
 * Nonces in Redis or Valkey, for all workers of all machines: one round trip (`SET key 1 PX ttl NX`).
 *
 * A nonce can be accepted twice only when Redis loses what it was told: a failover before the write was
 * replicated, a restart without persistence, or keys evicted because memory is full (`maxmemory-policy` other
 * than `noeviction`).
 */
export function redisReplayStore (options: RedisReplayOptions): ReplayStore {
  const { redis, prefix = 'plimsoll:nonce:', clock = systemClock } = options
  const timeoutMs = parseDuration(options.timeout ?? 250, 'replay.timeout')

  async function remember (key: string, ttlMs: number): Promise<ReplayAnswer> {
    const late = Promise.withResolvers<never>()
    const cancel = clock.after(timeoutMs, () => late.reject(new ReplayStoreTimeoutError(timeoutMs)))
    try {
      return await Promise.race([ask(key, ttlMs), late.promise])
    } finally {
      cancel()
    }
  }

  async function ask (key: string, ttlMs: number): Promise<ReplayAnswer> {
    const client = await redis.connect()
    const reply = await client.set(prefix + key, '1', 'PX', Math.ceil(ttlMs), 'NX')
    return reply === 'OK' ? 'new' : 'seen'
  }

  const close = (): Promise<void> => Promise.resolve()
  return { name: 'redis', remember, close, [Symbol.asyncDispose]: close }
}
