import type { Clock } from '../../kernel/index.ts'
import { decodeAnswer, encodeAnswer } from './answer-codec.ts'
import type { Notices } from './cache-notice.ts'
import type { CacheRequest } from './cache-request.ts'
import type { CacheStatus } from './cache-status.ts'
import { Entry, type EntryWays } from './entry.ts'
import type { Answer } from './found.ts'
import type { KeepingRules } from './keep-answer.ts'
import type { LocalFlights } from './local-flights.ts'
import type { BoundedMemory } from './memory.ts'
import type { RouteMetrics } from './metrics.ts'
import type { RoutePolicy } from './route-policy.ts'
import { selectAnswer } from './select-answer.ts'
import type { Purges, SharedCache } from './shared-cache.ts'
import { type StoredAnswer, usefulMs } from './stored-answer.ts'

/** What the parts of one cached route work with. */
export interface RouteParts<Request> {
  readonly name: string
  readonly policy: RoutePolicy<Request>
  readonly rules: KeepingRules<Request>
  readonly ways: EntryWays
  readonly status: CacheStatus
  readonly memory: BoundedMemory<Entry>
  readonly flights: LocalFlights<Entry>
  /** Undefined where nothing is shared. */
  readonly shared: SharedCache | undefined
  readonly purges: Purges
  readonly leaseMs: number
  readonly clock: Clock
  readonly metrics: RouteMetrics
  readonly notices: Notices
}

/** How many entries each newcomer looks at, whether their time is over. */
const sweptAtOnce = 4

/** Takes an answer into memory. */
export function remember (parts: RouteParts<never>, stored: StoredAnswer): Entry {
  const { ways, memory, clock } = parts
  const nowMs = clock.now()
  const entry = new Entry(stored, ways, nowMs, clock.epochMs() - stored.madeEpochMs)
  memory.set(entry)
  memory.sweep(sweptAtOnce, ({ keepUntilMs }) => keepUntilMs <= nowMs)
  return entry
}

/**
 * Takes what another layer or process had into memory, unless it is gone; undefined when it cannot be read.
 */
export function receive (
  parts: RouteParts<never>,
  key: string,
  value: Uint8Array | undefined
): Entry | undefined {
  const stored = value === undefined ? undefined : decodeAnswer(value, key)
  if (stored === undefined) return undefined
  const entry = remember(parts, stored)
  const nowMs = parts.clock.now()
  entry.isCurrent(parts.purges, nowMs)
  if (entry.keepUntilMs <= nowMs) parts.memory.delete(entry)
  return entry
}

/** An entry as the layer below keeps it. */
export function asValue (
  { clock }: RouteParts<never>,
  entry: Entry
): readonly [value: Uint8Array, keepMs: number] {
  const nowMs = clock.now()
  const stored = entry.toStored(nowMs, clock.epochMs())
  return [encodeAnswer(stored), Math.max(1, Math.ceil(usefulMs(stored) - (nowMs - entry.madeMs)))]
}

/** The answer of an entry that could not be made anew, where the route allows it. */
export function staleIfError (
  parts: RouteParts<never>,
  entry: Entry | undefined,
  request: Pick<CacheRequest, 'method' | 'headers'>
): Answer | undefined {
  const nowMs = parts.clock.now()
  if (entry === undefined) return undefined
  entry.isCurrent(parts.purges, nowMs)
  if (nowMs >= entry.errorUntilMs || nowMs >= entry.keepUntilMs) return undefined
  return selectAnswer(entry, request, nowMs, {
    result: 'stale_if_error',
    statusHead: parts.status.staleIfError,
  })
}
