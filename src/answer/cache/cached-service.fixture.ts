import { type ManualClock, manualClock } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { CacheNotice } from './cache-notice.ts'
import type { CacheRequest, MadeResponse } from './cache-request.ts'
import type { Answer, Found, Miss, Unstored } from './found.ts'
import { HttpCache, type HttpCacheOptions } from './http-cache.ts'
import type { CachePolicy } from './policy.ts'
import type { CachedRoute } from './route-cache.ts'
import type { CachedRouteOptions } from './route-policy.ts'

/** A request as a test writes it. */
export interface Asked extends Partial<Omit<CacheRequest, 'source'>> {}

/** What a client gets. */
export interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

export type Handler = (asked: Asked) => MadeResponse | Promise<MadeResponse>

/**
 * A service with one cached route, on a clock of its own; it does with the cache what the request path does.
 */
export class CachedService {
  readonly clock: ManualClock
  readonly registry = new MetricsRegistry()
  readonly notices: CacheNotice[] = []
  readonly cache: HttpCache
  readonly route: CachedRoute<Asked>
  /** Runs in the background that are not over. */
  readonly refreshes: Promise<void>[] = []
  runs = 0
  handler: Handler

  constructor (
    policy: Partial<CachePolicy<Asked>>,
    handler: Handler,
    options: Partial<HttpCacheOptions> & Partial<Omit<CachedRouteOptions<Asked>, 'policy'>> & {
      readonly manual?: ManualClock
    } = {}
  ) {
    const { manual = manualClock(1_750_000_000_000), name, method, pattern, knows, identified, ...rest } =
      options
    this.clock = manual
    this.handler = handler
    this.cache = new HttpCache({
      registry: this.registry,
      clock: manual,
      onNotice: (notice) => this.notices.push(notice),
      ...rest,
    })
    this.route = this.cache.route<Asked>({
      name: name ?? 'GET /things/:id',
      method: method ?? 'GET',
      pattern: pattern ?? '/things/:id',
      knows: knows ?? { tenant: true, user: true },
      ...identified === undefined ? {} : { identified },
      ...rest.queryNames === undefined ? {} : { queryNames: rest.queryNames },
      ...rest.edgeHeaders === undefined ? {} : { edgeHeaders: rest.edgeHeaders },
      policy: { ttl: '10s', scope: 'public', ...policy },
    })
  }

  request (asked: Asked = {}): CacheRequest<Asked> {
    const url = asked.url ?? '/things/1'
    return {
      method: 'GET',
      origin: 'https://shop.example',
      headers: {},
      query: queryOf(url),
      params: { id: url.split(/[/?]/)[2] },
      tenant: undefined,
      user: undefined,
      startedMs: this.clock.now(),
      signal: new AbortController().signal,
      ...asked,
      url,
      source: asked,
    }
  }

  lookup (asked: Asked = {}): Found | Promise<Found> {
    return this.route.lookup(this.request(asked))
  }

  /** One request from its arrival to its answer. */
  async get (asked: Asked = {}): Promise<Got> {
    const looked = this.lookup(asked)
    // In the same turn where nothing has to be waited for.
    const found = looked instanceof Promise ? await looked : looked
    if (found.kind === 'answer') {
      if (found.refresh !== undefined) this.refreshes.push(this.#refresh(found.refresh, asked))
      return gotOf(found)
    }
    if (found.kind === 'bypass') return this.#sent(await this.#run(asked), found.cacheStatus)
    return this.#make(found, asked)
  }

  /** Waits for what goes on in the background. */
  async settle (): Promise<void> {
    for (const refresh of this.refreshes.splice(0)) await refresh
  }

  /** A counter's value. */
  count (name: string, labels: Readonly<Record<string, string>> = {}): number {
    const family = this.registry.snapshot().families.find((family) => family.name === name)
    const { labels: names = [], labelValues = [], values = [] } = family ?? {}
    let sum = 0
    for (const [at, value] of values.entries()) {
      const own = labelValues.slice(at * names.length, (at + 1) * names.length)
      if (Object.entries(labels).every(([label, wanted]) => own[names.indexOf(label)] === wanted))
        sum += value
    }
    return sum
  }

  async #refresh (refresh: () => Promise<Miss | undefined>, asked: Asked): Promise<void> {
    const miss = await refresh()
    if (miss !== undefined) await this.#make(miss, asked)
  }

  async #make (miss: Miss, asked: Asked): Promise<Got> {
    let made: MadeResponse
    try {
      made = await this.#run(asked)
    } catch {
      const older = miss.fail()
      return older === undefined ? this.#sent({ status: 500, headers: {}, body: 'failed' }, '') : gotOf(older)
    }
    const stored: Answer | Unstored = miss.store(made)
    return stored.kind === 'answer' ? gotOf(stored) : this.#sent(made, stored.cacheStatus)
  }

  async #run (asked: Asked): Promise<MadeResponse> {
    this.runs++
    return this.handler(asked)
  }

  #sent ({ status, headers, body }: MadeResponse, cacheStatus: string): Got {
    const texts = Object.entries(headers).map(([name, value]) => [name, String(value)])
    return {
      status,
      headers: { ...Object.fromEntries(texts), 'cache-status': cacheStatus },
      body: typeof body === 'string' ? body : Buffer.from(body ?? '').toString(),
    }
  }
}

export function gotOf ({ status, headers, body }: Answer): Got {
  const pairs: [string, string][] = []
  for (let at = 0; at < headers.length; at += 2) pairs.push([headers[at] ?? '', headers[at + 1] ?? ''])
  return { status, headers: Object.fromEntries(pairs), body: body?.toString() ?? '' }
}

/** As Fastify's parser does. */
function queryOf (url: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {}
  for (const [name, value] of new URLSearchParams(url.split('?')[1] ?? '')) {
    const known = query[name]
    query[name] = known === undefined ? value : [known, value].flat()
  }
  return query
}

/** An answer of a handler that says nothing of caching. */
export function ok (body: string, headers: MadeResponse['headers'] = {}): MadeResponse {
  return { status: 200, headers: { 'content-type': 'application/json', ...headers }, body }
}

/** A handler whose answers differ from run to run. */
export function counting (): Handler {
  let runs = 0
  return () => ok(`run ${++runs}`)
}
