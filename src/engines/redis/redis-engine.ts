import type { Redis } from 'ioredis'
import { type Clock, SettingError, systemClock, untilAborted } from '../../kernel/index.ts'
import type { Engine } from '../engine.ts'
import { EngineClosedError, EngineUnavailableError } from '../errors.ts'
import { HeldClient } from '../held-client.ts'
import { explainRedisError } from './explain.ts'
import { loadIoredis } from './load-ioredis.ts'

export interface RedisEngineOptions {
  /** `redis://user:password@host:port/database`, or `rediss:` for TLS. Redis and Valkey are the same here. */
  readonly url: string
  /** How long `connect` may take, in milliseconds. @default 5,000 */
  readonly connectTimeoutMs?: number
  /**
   * After so long without a reply, in milliseconds, a command fails, and its connection is taken for dead and made
   * again: one that was cut off without a reset would keep its commands waiting for a quarter of an hour. For commands
   * that block, pass `duplicate()` a longer `commandTimeout` and `socketTimeout`. @default 10,000
   */
  readonly replyTimeoutMs?: number
  /** Hears of connections that broke. The client replaces them; nothing needs to be done. */
  readonly onConnectionError?: (error: Error) => void
  readonly clock?: Clock
}

/** The longest pause between two attempts to reconnect, in milliseconds. */
const longestPauseMs = 2_000
/** How long a close waits for replies that are under way, in milliseconds. */
const quitMs = 1_000

/**
 * One connection to Redis or Valkey, through the optional package `ioredis`. When it breaks it is made
 * again, with pauses up to 2 seconds; commands fail meanwhile after one retry rather than wait. Commands
 * that block (BLPOP) need a connection of their own, `client.duplicate()`, or `check` waits behind them.
 *
 * @throws SettingError for a wrong URL; it never repeats the URL, which may hold a password
 */
export function redisEngine (options: RedisEngineOptions): Engine<Redis> {
  const { url, connectTimeoutMs = 5_000, replyTimeoutMs = 10_000, onConnectionError, clock = systemClock } =
    options
  const target = targetOf(url)

  function unavailable (error: unknown, reason = explainRedisError(error)): EngineUnavailableError {
    return new EngineUnavailableError('redis', target, reason, error)
  }

  async function open (): Promise<Redis> {
    const { Redis } = await loadIoredis()
    let connected = false
    const client = new Redis(url, {
      lazyConnect: true,
      connectTimeout: connectTimeoutMs,
      commandTimeout: replyTimeoutMs,
      socketTimeout: replyTimeoutMs,
      maxRetriesPerRequest: 1,
      retryStrategy: (times) => connected ? Math.min(50 * times, longestPauseMs) : null,
    })
    // Without a listener, ioredis writes to the console. The last one says more than "Connection is closed.".
    let lastError: unknown
    client.on('error', (error) => {
      lastError = error
      onConnectionError?.(error)
    })
    const timeout = new AbortController()
    const cancel = clock.after(connectTimeoutMs, () => timeout.abort())
    try {
      await untilAborted(client.connect().then(() => client.ping()), timeout.signal)
      connected = true
      return client
    } catch (error) {
      client.disconnect()
      throw timeout.signal.aborted ?
        unavailable(error, 'it did not answer in time; check host, port and firewall') :
        unavailable(lastError ?? error)
    } finally {
      cancel()
    }
  }

  async function free (client: Redis): Promise<void> {
    const late = new AbortController()
    const cancel = clock.after(quitMs, () => late.abort())
    try {
      if (client.status === 'ready') await untilAborted(client.quit(), late.signal)
    } catch {
      // It is cut below.
    } finally {
      cancel()
      client.disconnect()
    }
  }

  const held = new HeldClient('redis', open, free)

  async function check (signal: AbortSignal): Promise<void> {
    try {
      const client = await untilAborted(held.get(), signal)
      if (client.status !== 'ready')
        throw unavailable(undefined, 'the connection is broken; it is being made again')
      await untilAborted(client.ping(), signal)
    } catch (error) {
      if (error instanceof EngineClosedError || error instanceof EngineUnavailableError) throw error
      throw signal.aborted ? unavailable(signal.reason, 'it did not answer in time') : unavailable(error)
    }
  }

  const close = (): Promise<void> => held.close()
  return { name: 'redis', connect: () => held.get(), check, close, [Symbol.asyncDispose]: close }
}

/** Host, port and database number, without credentials. */
function targetOf (url: string): string {
  const rule = 'a Redis URL such as redis://user:password@host:6379/0'
  if (!URL.canParse(url)) throw new SettingError('redis.url', rule, 'text that is not a URL')
  const { protocol, hostname, port, pathname } = new URL(url)
  if (protocol !== 'redis:' && protocol !== 'rediss:') {
    throw new SettingError('redis.url', rule, `a URL that starts with ${protocol}//`)
  }
  if (hostname === '') throw new SettingError('redis.url', rule, 'a URL without a host')
  return `${hostname}:${port === '' ? '6379' : port}${pathname === '/' ? '' : pathname}`
}
