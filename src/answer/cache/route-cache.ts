import { abortable } from './abortable.ts'
import type { CacheRequest } from './cache-request.ts'
import type { Forwarded } from './cache-status.ts'
import { isDemanding, pleases, staleUntil, wishesOf } from './client-wishes.ts'
import { Entry } from './entry.ts'
import { fill, type Filled } from './fill.ts'
import type { Answer, Bypass, BypassReason, Found, Miss } from './found.ts'
import { KeyMaker } from './key.ts'
import type { LocalFlight } from './local-flights.ts'
import { linesOf } from './prepared-answer.ts'
import { RouteMiss } from './route-miss.ts'
import { type RouteParts, staleIfError } from './route-parts.ts'
import { type Manner, selectAnswer } from './select-answer.ts'
import { Shortcuts } from './shortcuts.ts'

/** A route whose answers are cached. */
export interface CachedRoute<Request = unknown> {
  /**
   * What the cache has for a request. At once when memory can tell, without a promise; a promise when another
   * request, another layer or the route's `version` has to be waited for. It rejects with the reason of the
   * request's signal only.
   */
  lookup(request: CacheRequest<Request>): Found | Promise<Found>
}

/** An answer that memory does not have, or not fresh enough. */
interface Wanted<Request> {
  readonly request: CacheRequest<Request>
  readonly key: string
  readonly stale: Entry | undefined
  readonly forwarded: Forwarded
  readonly takesKept: boolean
  readonly isBackground: boolean
}

export class RouteCache<Request> implements CachedRoute<Request> {
  readonly #parts: RouteParts<Request>
  readonly #keys: KeyMaker<Request>
  /** Neither the client nor a version has a say in what is fresh. */
  readonly #isPlain: boolean
  /** There is something to wait for before the route runs. */
  readonly #asksOthers: boolean
  /** `undefined` where a key says more than origin and path, or a hit has to be thought about. */
  readonly #shortcuts: Shortcuts | undefined
  readonly #bypasses: Map<BypassReason, Bypass> = new Map()

  constructor (parts: RouteParts<Request>, keyPrefix: string) {
    const { policy, notices, name } = parts
    this.#parts = parts
    this.#keys = new KeyMaker(keyPrefix, policy, (error) => notices.failed(name, 'config.cache.scope', error))
    this.#isPlain = !policy.honoursClient && !policy.checksVersionAlways
    this.#asksOthers = parts.shared !== undefined || policy.version !== undefined
    this.#shortcuts = this.#isPlain && this.#keys.isOfPath ? new Shortcuts() : undefined
  }

  lookup (request: CacheRequest<Request>): Found | Promise<Found> {
    const barred = this.#barred(request)
    if (barred !== undefined) return this.#bypass(barred)
    const near = this.#shortcuts === undefined ? undefined : this.#near(request, this.#shortcuts)
    if (near !== undefined) return near
    const key = this.#keys.of(request)
    if (typeof key !== 'string') return this.#bypass(key.reason)
    return this.#find(request, key, request.startedMs)
  }

  /** A hit without a key. A query could be spelt in any number of ways, and is left to the key. */
  #near (request: CacheRequest<Request>, shortcuts: Shortcuts): Answer | undefined {
    const { origin, url, startedMs, variant = '' } = request
    const entry = variant === '' ? shortcuts.find(origin, url) : undefined
    if (entry === undefined || !this.#isHit(entry, startedMs)) return undefined
    const { memory, metrics } = this.#parts
    memory.use(entry)
    metrics.requests.hit.add()
    return selectAnswer(entry, request, startedMs)
  }

  #isHit (entry: Entry, nowMs: number): boolean {
    return this.#isPlain && this.#isFresh(entry, nowMs) && this.#parts.purges.current
  }

  /** Requests that the cache has nothing to say to, and whose answers it does not keep. */
  #barred ({ method, headers }: CacheRequest<Request>): BypassReason | undefined {
    if (method !== 'GET' && method !== 'HEAD') return 'method'
    if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0')
      return 'body'
    if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined) return 'condition'
    const { bypassesCredentials } = this.#parts.policy
    if (bypassesCredentials && (headers['authorization'] !== undefined || headers['cookie'] !== undefined))
      return 'credentials'
    return undefined
  }

  #find (request: CacheRequest<Request>, key: string, nowMs: number): Found | Promise<Found> {
    const { memory, metrics } = this.#parts
    const entry = memory.get(key)
    if (entry !== undefined && this.#isHit(entry, nowMs)) {
      this.#shorten(request, entry)
      metrics.requests.hit.add()
      return selectAnswer(entry, request, nowMs)
    }
    return this.#findSlowly(request, key, nowMs, entry)
  }

  #shorten ({ origin, url, variant = '' }: CacheRequest<Request>, entry: Entry): void {
    if (this.#shortcuts === undefined || variant !== '' || url.includes('?')) return
    const bytes = this.#shortcuts.add(origin, url, entry)
    if (bytes > 0) this.#parts.memory.grow(entry, bytes)
  }

  #isFresh (entry: Entry, nowMs: number): boolean {
    return entry.isCurrent(this.#parts.purges, nowMs) && nowMs < entry.freshUntilMs
  }

  #findSlowly (
    request: CacheRequest<Request>,
    key: string,
    nowMs: number,
    found: Entry | undefined
  ): Found | Promise<Found> {
    const { policy, purges, flights, memory } = this.#parts
    const control = policy.honoursClient ? wishesOf(request) : undefined
    if (control?.noStore === true) return this.#bypass('request')
    const isFresh = found !== undefined && this.#isFresh(found, nowMs)
    const isGone = found !== undefined && nowMs >= found.keepUntilMs
    if (isGone) memory.delete(found)
    const stale = isGone ? undefined : found
    const isTrusted = purges.current || policy.servesUnreachable
    if (stale !== undefined && isTrusted && !policy.checksVersionAlways && pleases(stale, control, nowMs)) {
      if (isFresh) return this.#answer(stale, request, nowMs)
      if (nowMs < staleUntil(stale, control)) return this.#serveStale(stale, request, key, nowMs)
    }
    if (control?.onlyIfCached === true) return this.#nothingKept()
    if (request.method === 'HEAD') return this.#bypass('method')
    const wanted: Wanted<Request> = {
      request,
      key,
      stale,
      forwarded: stale === undefined ? 'miss' : isFresh ? 'request' : 'stale',
      takesKept: isTrusted && !isDemanding(control),
      isBackground: false,
    }
    if (flights.isMarked(key, nowMs)) return this.#miss(wanted)
    const underWay = flights.underWay(key, nowMs)
    if (underWay !== undefined) return this.#follow(wanted, underWay)
    const flight = flights.begin(key, nowMs)
    return this.#asksOthers ? this.#fill(wanted, flight) : this.#miss(wanted, flight)
  }

  #answer (entry: Entry, request: CacheRequest<Request>, nowMs: number, manner?: Manner): Answer {
    this.#parts.metrics.requests[manner?.result ?? 'hit'].add()
    return selectAnswer(entry, request, nowMs, manner)
  }

  #serveStale (entry: Entry, request: CacheRequest<Request>, key: string, nowMs: number): Answer {
    const { flights, status } = this.#parts
    const isBusy = flights.underWay(key, nowMs) !== undefined || flights.isMarked(key, nowMs)
    let refresh: (() => Promise<Miss | undefined>) | undefined
    if (!isBusy) {
      const flight = flights.begin(key, nowMs)
      refresh = () => this.#refresh(request, key, flight, entry)
    }
    return this.#answer(entry, request, nowMs, { result: 'stale', statusHead: status.stale, refresh })
  }

  async #refresh (
    request: CacheRequest<Request>,
    key: string,
    flight: LocalFlight<Entry>,
    stale: Entry
  ): Promise<Miss | undefined> {
    const wanted: Wanted<Request> = {
      request,
      key,
      stale,
      forwarded: 'stale',
      takesKept: true,
      isBackground: true,
    }
    if (!this.#asksOthers) return this.#miss(wanted, flight)
    const filled = await this.#fillFlight(wanted, flight)
    return filled.kind === 'make' && filled.lead !== 'alone' ? this.#miss(wanted, flight, filled) : undefined
  }

  /** Waits for what another request of this process makes. */
  async #follow (wanted: Wanted<Request>, flight: LocalFlight<Entry>): Promise<Found> {
    const { policy, purges, clock, status, metrics } = this.#parts
    const { request, key, stale } = wanted
    const outcome = await abortable(flight.landed, request.signal)
    if (outcome instanceof Entry) {
      const nowMs = clock.now()
      // One that has been purged meanwhile was made from what it was purged for.
      if (policy.checksVersionAlways || !outcome.isCurrent(purges, nowMs))
        return this.#find(request, key, nowMs)
      return this.#answer(outcome, request, nowMs, { result: 'collapsed', statusHead: status.collapsed })
    }
    if (outcome === 'lost') return this.#find(request, key, clock.now())
    const older = outcome === 'failed' ? staleIfError(this.#parts, stale, request) : undefined
    if (older === undefined) return this.#miss(wanted)
    metrics.requests.stale_if_error.add()
    return older
  }

  /** Asks the version and the other layers before the route has to run. */
  async #fill (wanted: Wanted<Request>, flight: LocalFlight<Entry>): Promise<Found> {
    const filled = await this.#fillFlight(wanted, flight)
    const { request, key } = wanted
    const { clock, status } = this.#parts
    switch (filled.kind) {
      case 'make':
        return this.#miss(wanted, filled.lead === 'alone' ? undefined : flight, filled)
      case 'stale':
        return this.#find(request, key, clock.now())
      case 'entry': {
        const { entry, result } = filled
        const manner = result === 'hit' ? undefined : { result, statusHead: status[result] }
        return this.#answer(entry, request, clock.now(), manner)
      }
    }
  }

  /** {@link fill}, and those who wait in this process learn what it finds, unless the route has to run. */
  async #fillFlight (wanted: Wanted<Request>, flight: LocalFlight<Entry>): Promise<Filled> {
    const { clock, flights } = this.#parts
    try {
      const signal = wanted.isBackground ? undefined : wanted.request.signal
      const filled = await fill(this.#parts, { ...wanted, signal })
      if (filled.kind === 'entry') flight.land(filled.entry)
      else if (filled.kind === 'stale') flight.land('lost')
      else if (filled.lead === 'alone') {
        flights.mark(wanted.key, clock.now())
        flight.land('unshareable')
      }
      return filled
    } catch (error) {
      flight.land('lost')
      throw error
    }
  }

  /** The route has to run, for those who wait in the flight, or for one request alone. */
  #miss (
    { request, key, forwarded, stale, isBackground }: Wanted<Request>,
    flight?: LocalFlight<Entry>,
    filled?: Filled & { readonly kind: 'make' }
  ): RouteMiss<Request> {
    return new RouteMiss(this.#parts, {
      request,
      key,
      forwarded,
      flight,
      lead: filled?.lead === 'alone' ? undefined : filled?.lead,
      stale: filled?.stale ?? stale,
      version: filled?.version,
      isBackground,
    })
  }

  #bypass (reason: BypassReason): Bypass {
    const { metrics, notices, status, name } = this.#parts
    metrics.requests.bypass.add()
    let bypass = this.#bypasses.get(reason)
    if (bypass === undefined) {
      bypass = { kind: 'bypass', reason, cacheStatus: status.bypass(reason) }
      this.#bypasses.set(reason, bypass)
      notices.unkept(name, reason)
    }
    return bypass
  }

  #nothingKept (): Answer {
    const { metrics, status } = this.#parts
    metrics.requests.only_if_cached.add()
    const headers = ['content-length', '0', 'cache-control', 'no-store', 'cache-status', status.onlyIfCached]
    return {
      kind: 'answer',
      result: 'only_if_cached',
      status: 504,
      headers,
      lines: linesOf(headers),
      body: undefined,
      refresh: undefined,
    }
  }
}
