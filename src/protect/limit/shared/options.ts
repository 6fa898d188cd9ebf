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

/** What is said when the shared store goes and comes back: once each. */
export type StoreOutage =
  | { readonly state: 'gone'; readonly store: string; readonly error: Error }
  | { readonly state: 'back'; readonly store: string; readonly downMs: number }

/** Options that all shared stores have. */
export interface SharedStoreOptions {
  /**
   * Share of a limit's capacity that all leases on a key together may come to, 0 to 0.5: the larger, the fewer
   * round trips and the larger the overshoot; 0 asks for each request. @default 0.1
   */
  readonly leaseShare?: number
  /** How long a lease lasts. The larger, the fewer round trips for a key of middling use. @default '500ms' */
  readonly leaseLife?: Duration
  /** How long a request waits for the store before the limits' `whenStoreFails` decides. @default '50ms' */
  readonly timeout?: Duration
  /**
   * A worker that is not heard of for so long has ended, and its requests in flight count no more. A worker
   * speaks four times as often. @default '10s'
   */
  readonly workerLife?: Duration
  /** Keys that a worker remembers (leases, last refusals), at least 16. @default 10,000 */
  readonly keys?: number
  /** Keys whose shares a worker counts while the store is gone; 32 bytes each. @default 65,536 */
  readonly shareKeys?: number
  /** Unlike that of any other worker of the same store. @default 12 random letters and digits */
  readonly worker?: string
  /** Told when the store goes, and when it is back. For the log. */
  readonly onOutage?: (outage: StoreOutage) => void
  readonly registry?: MetricsRegistry
  readonly clock?: Clock
  readonly random?: Random
}

export interface ResolvedSharedStoreOptions {
  readonly leaseShare: number
  readonly leaseLifeMs: number
  readonly timeoutMs: number
  readonly workerLifeMs: number
  readonly keys: number
  readonly shareKeys: number
  readonly worker: string
  readonly onOutage: (outage: StoreOutage) => void
  readonly registry: MetricsRegistry | undefined
  readonly clock: Clock
  readonly random: Random
}

/** @throws SettingError for a value out of its range */
export function resolveSharedStoreOptions (options: SharedStoreOptions): ResolvedSharedStoreOptions {
  const { clock = systemClock, random = systemRandom, leaseShare = 0.1, keys = 10_000 } = options
  if (!(leaseShare >= 0 && leaseShare <= 0.5))
    throw new SettingError('limit.leaseShare', 'from 0 to 0.5', leaseShare)
  if (!(Number.isInteger(keys) && keys >= 16))
    throw new SettingError('limit.keys', 'a whole number of at least 16', keys)
  const worker = options.worker ?? Array.from({ length: 12 }, () => letter(random)).join('')
  if (!/^[\w.-]{1,64}$/.test(worker))
    throw new SettingError('limit.worker', '1 to 64 letters, digits, ".", "_" or "-"', worker)
  return {
    leaseShare,
    keys,
    worker,
    clock,
    random,
    leaseLifeMs: parseDuration(options.leaseLife ?? '500ms'),
    timeoutMs: parseDuration(options.timeout ?? '50ms'),
    workerLifeMs: parseDuration(options.workerLife ?? '10s'),
    shareKeys: options.shareKeys ?? 65_536,
    onOutage: options.onOutage ?? (() => {}),
    registry: options.registry,
  }
}

function letter (random: Random): string {
  return Math.floor(random() * 36).toString(36)
}
