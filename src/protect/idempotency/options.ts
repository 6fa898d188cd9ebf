import {
  type Clock,
  type Duration,
  parseDuration,
  type Random,
  SettingError,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import { type Answer, type AnswerLimits, keptHeaders } from './answer.ts'
import type { IdempotencyStore } from './store.ts'

export interface IdempotencyOptions<Tx = unknown> {
  /** Yours to close. */
  readonly store: IdempotencyStore<Tx>
  readonly registry: MetricsRegistry
  /** How long a crash can block a key. Renewed while the request runs. @default '10s' */
  readonly lease?: Duration
  /** How long an answer can be replayed, from the first request on; above `lease`. @default '24h' */
  readonly keep?: Duration
  /** How long a request without a deadline may hold its key. @default '5m' */
  readonly longest?: Duration
  /** The largest body that is kept, in bytes. @default 1 MiB */
  readonly maxBodyBytes?: number
  /** Headers to keep beside the standard ones (Content-Type, Location, ETag ...). @default none */
  readonly keepHeaders?: readonly string[]
  /** Only what RFC 8941 calls a string, in double quotes, is a key. @default false: bare values are taken too */
  readonly strict?: boolean
  /** Pause between two clean-ups of this worker. @default '1m' */
  readonly sweepEvery?: Duration
  /** @default the system's clock */
  readonly clock?: Clock
  /** @default the system's randomness */
  readonly random?: Random
}

/** A request that was cut off after it had begun an effect outside the database. */
export interface UnknownOutcome {
  readonly tenant: string | undefined
  /** As the client sent it. */
  readonly key: string
  /** The request that asks now, which is the same as the one cut off. */
  readonly body: unknown
}

/** What came of it: the answer to give and keep; or run it again; or nobody can tell. */
export type UnknownRuling = Answer | 'retry' | 'refuse'

/** A function that throws answers 503, and the next request asks it again. */
export type WhenUnknown = 'retry' | 'refuse' | ((outcome: UnknownOutcome) => Promise<UnknownRuling>)

export interface IdempotentRouteOptions {
  readonly mode: 'required' | 'accepted'
  readonly method: string
  /** As declared, e.g. `/orders/:id`. */
  readonly pattern: string
  /** How long a request waits for the answer of another with its key; its deadline may end it. @default '10s' */
  readonly wait?: Duration
  /** See {@link IdempotencyOptions.keep}. @default that of all routes */
  readonly keep?: Duration
  /** What to do after a crash in the middle of an outside effect. @default 'refuse' */
  readonly whenUnknown?: WhenUnknown
}

export interface ResolvedOptions<Tx> {
  readonly store: IdempotencyStore<Tx>
  readonly leaseMs: number
  readonly keepMs: number
  readonly longestMs: number
  readonly limits: AnswerLimits
  readonly strict: boolean
  readonly sweepEveryMs: number
  readonly clock: Clock
  readonly random: Random
}

/** @throws SettingError */
export function resolveIdempotencyOptions<Tx> (options: IdempotencyOptions<Tx>): ResolvedOptions<Tx> {
  const { store, strict = false, maxBodyBytes = 2 ** 20, keepHeaders = [] } = options
  const { clock = systemClock, random = systemRandom } = options
  const leaseMs = above('idempotency.lease', options.lease ?? '10s', 0)
  if (!(Number.isSafeInteger(maxBodyBytes) && maxBodyBytes >= 0)) {
    throw new SettingError('idempotency.maxBodyBytes', 'a whole number of bytes of at least 0', maxBodyBytes)
  }
  return {
    store,
    leaseMs,
    keepMs: above('idempotency.keep', options.keep ?? '24h', leaseMs),
    longestMs: above('idempotency.longest', options.longest ?? '5m', 0),
    limits: { maxBodyBytes, headers: keptHeaders(keepHeaders) },
    strict,
    sweepEveryMs: above('idempotency.sweepEvery', options.sweepEvery ?? '1m', 0),
    clock,
    random,
  }
}

/** @throws SettingError when it is not a duration above `leastMs` */
export function above (setting: string, value: Duration, leastMs: number): number {
  const ms = parseDuration(value, setting)
  if (ms <= leastMs) throw new SettingError(setting, `a duration above ${leastMs} ms`, value)
  return ms
}
