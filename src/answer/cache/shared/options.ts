import {
  type Clock,
  type Duration,
  parseDuration,
  type Random,
  SettingError,
  systemClock,
  systemRandom,
} from '../../../kernel/index.ts'
import type { MetricsRegistry } from '../../../telemetry/index.ts'

/** What is said when the shared layer goes and comes back: once each. */
export type CacheOutage =
  | { readonly state: 'gone'; readonly store: string; readonly error: Error }
  | { readonly state: 'back'; readonly store: string; readonly downMs: number }

/** Options that all shared layers have. */
export interface FleetOptions {
  /** Names the cache of one service, 1 to 100 characters without spaces and braces. @default 'plimsoll:cache' */
  readonly prefix?: string
  /**
   * How long this process may trust its memory after it was last heard of, at least 100 ms. A purge waits for a
   * process that is silent half as long again at most. A process speaks four times as often. @default '2s'
   */
  readonly membership?: Duration
  /**
   * How long the shared layer may take to answer before it is taken for gone, and a request goes on without it.
   * @default '500ms'
   */
  readonly timeout?: Duration
  /** Told when the shared layer goes, and when it is back. For the log. */
  readonly onOutage?: (outage: CacheOutage) => void
  readonly registry?: MetricsRegistry
  readonly clock?: Clock
  readonly random?: Random
}

export interface ResolvedFleetOptions {
  readonly prefix: string
  readonly membershipMs: number
  readonly timeoutMs: number
  readonly onOutage: (outage: CacheOutage) => void
  readonly registry: MetricsRegistry | undefined
  readonly clock: Clock
  /** Unlike that of any other process. */
  readonly member: string
}

/** @throws SettingError for a value out of its range */
export function resolveFleetOptions (options: FleetOptions): ResolvedFleetOptions {
  const { prefix = 'plimsoll:cache', clock = systemClock, random = systemRandom } = options
  if (!/^[^{}\s]{1,100}$/.test(prefix)) {
    throw new SettingError('cache.prefix', '1 to 100 characters without spaces and braces', prefix)
  }
  const membershipMs = parseDuration(options.membership ?? '2s', 'cache.membership')
  if (membershipMs < 100) throw new SettingError('cache.membership', 'at least 100 ms', options.membership)
  const timeoutMs = parseDuration(options.timeout ?? '500ms', 'cache.timeout')
  if (timeoutMs <= 0) throw new SettingError('cache.timeout', 'above 0', options.timeout)
  return {
    prefix,
    membershipMs,
    timeoutMs,
    clock,
    onOutage: options.onOutage ?? (() => {}),
    registry: options.registry,
    member: Array.from({ length: 16 }, () => Math.floor(random() * 36).toString(36)).join(''),
  }
}
