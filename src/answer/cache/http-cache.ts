import {
  type Bytes,
  type Clock,
  type Duration,
  parseBytes,
  parseDuration,
  SettingError,
  systemClock,
} from '../../kernel/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import { type CacheNotice, Notices } from './cache-notice.ts'
import { CacheStatus } from './cache-status.ts'
import type { Encoder } from './encoder.ts'
import type { Entry, EntryWays } from './entry.ts'
import { groupTags, uriTag } from './keep-answer.ts'
import { LocalFlights } from './local-flights.ts'
import { BoundedMemory } from './memory.ts'
import { type CacheMetrics, cacheMetrics, type MemoryState } from './metrics.ts'
import { encodingChooser } from './negotiation.ts'
import { processCache } from './process-cache.ts'
import { type CachedRoute, RouteCache } from './route-cache.ts'
import { type CachedRouteOptions, resolvePolicy } from './route-policy.ts'
import type { PurgeReceipt, Purges, SharedCache } from './shared-cache.ts'
import { textOf } from './storing.ts'
import { WrittenPaths } from './written-paths.ts'

export interface HttpCacheOptions {
  readonly registry: MetricsRegistry
  /** The layer below memory. Yours to close. @default none: what this process makes only this process has */
  readonly shared?: SharedCache
  /** All that memory may take, with keys, headers and encoded forms. @default '64MiB' */
  readonly memory?: Bytes
  /** The largest body that is kept. @default a 16th of `memory` */
  readonly maxBody?: Bytes
  /** @default none: answers are kept as they are */
  readonly encoder?: Encoder
  /** Names this cache in `Cache-Status`; a token. @default 'plimsoll' */
  readonly name?: string
  /** Stands before each key, so that a release does not get what another one made. @default '' */
  readonly namespace?: string
  /**
   * Response headers that belong to one request, and are not kept, beside those that never are.
   *
   * @default none
   */
  readonly perRequestHeaders?: readonly string[]
  /** For how long a leader that died holds up others, at most; above 0. @default '2s' */
  readonly lease?: Duration
  /** @default the system's */
  readonly clock?: Clock
  /** Hears, once a route and reason, of what its author should know. @default nobody */
  readonly onNotice?: (notice: CacheNotice) => void
}

/** An unsafe request, and what was answered. */
export interface Written {
  readonly method: string
  readonly url: string
  readonly origin: string
  readonly status: number
  readonly headers: Readonly<Record<string, string | number | readonly string[] | undefined>>
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** The cache of a process: what its routes have in common. */
export class HttpCache {
  readonly #namespace: string
  readonly #maxBodyBytes: number
  readonly #perRequestHeaders: ReadonlySet<string>
  readonly #leaseMs: number
  readonly #encoder: Encoder | undefined
  readonly #clock: Clock
  readonly #shared: SharedCache | undefined
  readonly #purges: Purges
  readonly #status: CacheStatus
  readonly #memory: BoundedMemory<Entry>
  readonly #flights = new LocalFlights<Entry>()
  readonly #metrics: CacheMetrics
  readonly #notices: Notices
  readonly #paths = new WrittenPaths()

  /** @throws SettingError */
  constructor (options: HttpCacheOptions) {
    const { registry, shared, memory = '64MiB', lease = '2s', clock = systemClock, name = 'plimsoll' } =
      options
    const maxBytes = parseBytes(memory, 'cache.memory')
    this.#maxBodyBytes = options.maxBody === undefined ?
      maxBytes / 16 :
      parseBytes(options.maxBody, 'cache.maxBody')
    this.#leaseMs = parseDuration(lease, 'cache.lease')
    if (this.#leaseMs === 0) throw new SettingError('cache.lease', 'above 0', lease)
    this.#namespace = options.namespace ?? ''
    this.#perRequestHeaders = new Set(options.perRequestHeaders?.map((header) => header.toLowerCase()))
    this.#encoder = options.encoder
    this.#clock = clock
    this.#shared = shared
    this.#purges = shared?.purges ?? processCache({ clock }).purges
    this.#status = new CacheStatus(name)
    this.#notices = new Notices(options.onNotice)
    this.#memory = new BoundedMemory(maxBytes, () => this.#metrics.evictions.add())
    this.#metrics = cacheMetrics(registry, () => this.stats)
  }

  /**
   * Takes a route into the cache. At boot.
   *
   * @throws SettingError for a policy that is wrong, or that could give one caller's answer to another
   */
  route<Request> (options: CachedRouteOptions<Request>): CachedRoute<Request> {
    const { name, pattern, edgeHeaders } = options
    const policy = resolvePolicy(options, this.#encoder?.encodings ?? [])
    this.#paths.add(pattern)
    const ways: EntryWays = {
      status: this.#status,
      encodings: policy.encodings,
      chooseEncoding: encodingChooser(policy.encodings),
      encoder: this.#encoder,
      grown: (entry, bytes) => this.#memory.grow(entry, bytes),
      failed: (error) => this.#notices.failed(name, 'the encoder', error),
    }
    return new RouteCache({
      name,
      policy,
      rules: {
        policy,
        edgeHeaders,
        maxBodyBytes: this.#maxBodyBytes,
        perRequestHeaders: this.#perRequestHeaders,
      },
      ways,
      status: this.#status,
      memory: this.#memory,
      flights: this.#flights,
      shared: this.#shared,
      purges: this.#purges,
      leaseMs: this.#leaseMs,
      clock: this.#clock,
      metrics: this.#metrics.route(name),
      notices: this.#notices,
    }, `${this.#namespace}\n${name}`)
  }

  get stats (): MemoryState {
    const { size, bytes, maxBytes } = this.#memory
    return { entries: size, bytes, maxBytes }
  }

  /**
   * Purges all answers with one of the tags, in the whole fleet.
   *
   * @param soft whether they may still be served while they are made anew. @default true
   * @returns once no process serves them any more as if nothing had been
   * @throws CachePurgeError when the fleet cannot be told
   */
  async purge (
    tags: readonly string[],
    { soft = true }: { readonly soft?: boolean } = {}
  ): Promise<PurgeReceipt> {
    const mode = soft ? 'soft' : 'hard'
    this.#metrics.purges[mode].add()
    const receipt = await this.#purges.purge(tags, mode)
    this.#metrics.purgeSeconds.record(receipt.seconds)
    return receipt
  }

  /**
   * Purges what an unsafe request has changed, for good: its own URI, those of its origin in `Location` and
   * `Content-Location`, whatever their query, and the groups in `Cache-Group-Invalidation`.
   *
   * @returns undefined when there is nothing to do: the request failed, or no cached route has such a path
   * @see https://www.rfc-editor.org/rfc/rfc9111#section-4.4
   */
  written (written: Written): Promise<PurgeReceipt> | undefined {
    const { method, url, origin, status, headers } = written
    if (safeMethods.has(method) || status < 200 || status >= 400) return undefined
    const tags = groupTags(origin, textOf(headers['cache-group-invalidation'])).slice()
    const paths = [
      url,
      ...['location', 'content-location'].map((name) => pathAt(textOf(headers[name]), written)),
    ]
    for (const path of paths) if (path !== undefined && this.#paths.has(path)) tags.push(uriTag(origin, path))
    return tags.length === 0 ? undefined : this.purge([...new Set(tags)], { soft: false })
  }

  /** Ends its metrics. What is below it is not its own. */
  close (): void {
    this.#metrics.close()
  }
}

/** The path that a reference names, if it is of the same origin. */
function pathAt (reference: string | undefined, { url, origin }: Written): string | undefined {
  if (reference === undefined) return undefined
  const target = URL.parse(reference, `${origin}${url}`)
  return target === null || target.origin !== URL.parse(origin)?.origin ? undefined : target.pathname
}
