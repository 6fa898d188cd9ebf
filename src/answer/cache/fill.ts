import type { CacheRequest } from './cache-request.ts'
import type { Entry } from './entry.ts'
import { asValue, receive, type RouteParts } from './route-parts.ts'
import type { LeadFlight, SharedCache } from './shared-cache.ts'

export interface FillOptions<Request> {
  readonly request: CacheRequest<Request>
  readonly key: string
  /** What there is, and is not fresh enough. */
  readonly stale: Entry | undefined
  /** Ends the waiting for others. */
  readonly signal: AbortSignal | undefined
  /** Whether what is kept elsewhere will do; a client may want a new one. */
  readonly takesKept: boolean
  /** Nobody waits, so that a stale answer is of no use. */
  readonly isBackground: boolean
}

/** Where a missing answer comes from. */
export type Filled =
  | { readonly kind: 'entry'; readonly entry: Entry; readonly result: 'hit' | 'validated' | 'collapsed' }
  /** Memory now has one that may be served while it is made anew. */
  | { readonly kind: 'stale' }
  /** This process has to make it. */
  | {
    readonly kind: 'make'
    readonly version: string | undefined
    /** `'alone'`: waiting for it, or sharing it, is in vain; undefined where nothing is shared. */
    readonly lead: LeadFlight | 'alone' | undefined
    readonly stale: Entry | undefined
  }

/**
 * Looks for a missing answer, the cheapest way first: its version may still be current; the layer below may
 * have it; another process may be making it.
 *
 * @throws the signal's reason
 */
export async function fill<Request> (
  parts: RouteParts<Request>,
  options: FillOptions<Request>
): Promise<Filled> {
  const { shared, policy, purges } = parts
  const { key, takesKept, isBackground } = options
  let { stale } = options
  const { sequence } = purges
  const version = await versionOf(parts, options.request)
  if (stale !== undefined && isCurrentVersion(stale, version)) return validated(parts, stale, sequence)
  if (shared === undefined) return { kind: 'make', version, lead: undefined, stale }
  if (takesKept) {
    const entry = receive(parts, key, await shared.get(key))
    if (entry !== undefined && parts.clock.now() < entry.keepUntilMs) {
      if (isFresh(parts, entry) && (!policy.checksVersionAlways || isCurrentVersion(entry, version)))
        return { kind: 'entry', entry, result: 'hit' }
      if (isCurrentVersion(entry, version)) return validated(parts, entry, sequence)
      const maybeStale = !isBackground && !policy.checksVersionAlways
      if (maybeStale && parts.clock.now() < entry.staleUntilMs) return { kind: 'stale' }
      stale = entry
    }
  }
  const entered = await enterFleet(parts, shared, options, version)
  if (typeof entered === 'object' && 'entry' in entered) return { kind: 'entry', ...entered }
  return { kind: 'make', version, lead: entered, stale }
}

/** Undefined when the route has none, or cannot tell. */
async function versionOf<Request> (
  { policy, notices, name }: RouteParts<Request>,
  { source }: CacheRequest<Request>
): Promise<string | undefined> {
  if (policy.version === undefined) return undefined
  try {
    return String(await policy.version(source))
  } catch (error) {
    notices.failed(name, 'config.cache.version', error)
    return undefined
  }
}

function isCurrentVersion (entry: Entry, version: string | undefined): boolean {
  return version !== undefined && entry.stored.version === version
}

function isFresh ({ purges, clock }: RouteParts<never>, entry: Entry): boolean {
  const nowMs = clock.now()
  return entry.isCurrent(purges, nowMs) && nowMs < entry.freshUntilMs
}

function validated (parts: RouteParts<never>, entry: Entry, sequence: number): Filled {
  const { memory, shared, clock } = parts
  entry.renew(clock.now(), sequence)
  // It may have left for room, or have been replaced by a newer one.
  if (memory.get(entry.key) === undefined) memory.set(entry)
  void shared?.set(entry.key, ...asValue(parts, entry))
  return { kind: 'entry', entry, result: 'validated' }
}

async function enterFleet<Request> (
  parts: RouteParts<Request>,
  shared: SharedCache,
  { key, signal, takesKept }: FillOptions<Request>,
  version: string | undefined
): Promise<LeadFlight | 'alone' | { readonly entry: Entry; readonly result: 'hit' | 'collapsed' }> {
  const { policy } = parts
  const serves = (entry: Entry | undefined): entry is Entry =>
    entry !== undefined && entry.isCurrent(parts.purges, parts.clock.now()) &&
    (!policy.checksVersionAlways || isCurrentVersion(entry, version))
  for (;;) {
    const flight = await shared.enter(key, parts.leaseMs)
    if (flight.role === 'lead') {
      if (signal?.aborted === true) {
        await flight.abandon()
        throw signal.reason
      }
      // Another may have landed since we looked.
      const entry = takesKept ? receive(parts, key, await shared.get(key)) : undefined
      if (!serves(entry) || !isFresh(parts, entry)) return flight
      void flight.land(...asValue(parts, entry))
      return { entry, result: 'hit' }
    }
    const landing = await flight.wait(signal)
    if (landing === 'unshareable') return 'alone'
    if (landing === 'leader-lost') continue
    const entry = receive(parts, key, landing.value)
    if (serves(entry)) return { entry, result: 'collapsed' }
    // What cannot be read, or is of another version, is made here; what was purged meanwhile is asked for once more.
    if (entry === undefined || policy.checksVersionAlways) return 'alone'
  }
}
