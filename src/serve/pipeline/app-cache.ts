import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import {
  type CachedRoute,
  type CachePolicy,
  type Encoder,
  HttpCache,
  type HttpCacheOptions,
  type PurgeReceipt,
  type SharedCache,
  type Written,
} from '../../answer/cache/index.ts'
import {
  EdgeHeaders,
  type EdgeHeadersOptions,
  type EdgeKeys,
  type EdgePolicyOptions,
  type EdgeRoute,
} from '../../answer/edge/policy/index.ts'
import {
  type Coding,
  codings,
  encodeBody,
  isCompressible,
  levelFor,
  mediaTypeOf,
} from '../../answer/payload/index.ts'
import { type Clock, SettingError } from '../../kernel/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import { consistencyHeader } from './consistent-reads.ts'
import { requestIdHeader } from './request-id.ts'

/** How a route's answers are kept: here, in CDNs and in browsers. See docs/cache.md and docs/edge.md. */
export interface RouteCache
  extends CachePolicy<FastifyRequest>, Pick<EdgePolicyOptions, 'browser' | 'immutable' | 'cdn'>
{}

/** Where an app keeps answers, and which CDNs stand before it. */
export interface CacheOptions extends Omit<HttpCacheOptions, 'registry' | 'shared' | 'clock' | 'onNotice'> {
  /** The layer that workers and machines share, or what makes it when the first route is cached; yours to close. @default none */
  readonly shared?: SharedCache | (() => SharedCache)
  /** The CDNs in front, whose headers are written. @default Varnish and Fastly, whose headers most others read too */
  readonly edge?: Omit<EdgeHeadersOptions, 'registry'>
}

/** What an app can do with what is kept of its answers. */
export interface AppCache {
  /** How tags become the keys of CDNs, for what purges them; see docs/edge.md. */
  readonly keys: EdgeKeys
  /**
   * Purges all answers that carry one of the tags, in all workers and machines.
   *
   * @param options `soft`: they may still be served while they are made anew. @default true
   * @returns once no worker serves what was purged as fresh
   * @throws CachePurgeError when the fleet cannot be told
   */
  purge(tags: readonly string[], options?: { readonly soft?: boolean }): Promise<PurgeReceipt>
  /**
   * Asks for each of the URLs, so that its answer is kept before a client asks. For `warm` of a service.
   *
   * @returns how many were answered with a success
   */
  warm(urls: readonly string[]): Promise<number>
}

/** What the cache has to know of a route. */
export interface RouteToCache {
  /** Method and pattern. */
  readonly name: string
  readonly method: string
  readonly pattern: string
  readonly cache: RouteCache
  readonly queryNames: readonly string[] | undefined
  /** Who may have an answer is decided after the cache would have given it. */
  readonly guarded: boolean
  /** Its answers may be sent compressed. */
  readonly compressed: boolean
  /** Request headers that choose between looks of the answer, which `variant` tells apart. */
  readonly variedBy: readonly string[]
}

/** A route whose answers are kept. */
export interface KeptRoute {
  readonly cached: CachedRoute<FastifyRequest>
  /** What it tells caches beyond this one. */
  readonly edge: EdgeRoute
}

interface Parts {
  readonly options: CacheOptions
  readonly knows: { readonly tenant: boolean; readonly user: boolean }
  readonly registry: MetricsRegistry
  readonly clock: Clock
  readonly log: () => Pick<FastifyBaseLogger, 'warn'>
}

interface Made {
  readonly cache: HttpCache
  readonly edge: EdgeHeaders
}

/** The cache of an app, made when the first route asks for it: it takes memory, and perhaps a connection. */
export class CacheHolder {
  readonly #parts: Parts
  #made: Made | undefined

  constructor (parts: Parts) {
    this.#parts = parts
  }

  /** @throws SettingError for a policy that is wrong or unsafe */
  route ({ cache: policy, queryNames, compressed, ...route }: RouteToCache): KeptRoute {
    if (typeof policy !== 'object' || policy === null)
      throw new SettingError(`${route.name} config.cache`, 'an object with ttl and scope', policy)
    const { cache, edge } = this.#get()
    const { browser: _browser, immutable: _immutable, cdn: _cdn, ...own } = policy
    const edgeRoute = edge.route(route.name, policy as EdgePolicyOptions)
    const cached = cache.route<FastifyRequest>({
      ...route,
      knows: this.#parts.knows,
      policy: compressed ? own : { encodings: [], ...own },
      ...(queryNames === undefined ? {} : { queryNames }),
      edgeHeaders: (made) => edgeRoute.headersFor(made),
    })
    return { cached, edge: edgeRoute }
  }

  async purge (
    tags: readonly string[],
    { soft = true }: { readonly soft?: boolean } = {}
  ): Promise<PurgeReceipt> {
    return this.#get().cache.purge(tags, { soft })
  }

  get keys (): EdgeKeys {
    return this.#get().edge.keys
  }

  /** Whether any route is kept. */
  get isUsed (): boolean {
    return this.#made !== undefined
  }

  /** Purges what an unsafe request may have changed. Never rejects: the write itself has succeeded. */
  async written (written: Written): Promise<void> {
    try {
      await this.#made?.cache.written(written)
    } catch (error) {
      this.#parts.log().warn({ err: error }, 'what a write has changed could not be purged everywhere')
    }
  }

  close (): void {
    this.#made?.cache.close()
  }

  #get (): Made {
    this.#made ??= this.#make()
    return this.#made
  }

  #make (): Made {
    const { registry, clock, log, options: { shared: given, edge, ...options } } = this.#parts
    const shared = typeof given === 'function' ? given() : given
    return {
      edge: new EdgeHeaders({ ...edge, registry }),
      cache: new HttpCache({
        ...options,
        // What one request is told of itself, by this pipeline.
        perRequestHeaders: [
          ...options.perRequestHeaders ?? [],
          requestIdHeader,
          consistencyHeader,
          'ratelimit',
          'ratelimit-policy',
        ],
        encoder,
        registry,
        clock,
        ...(shared === undefined ? {} : { shared }),
        onNotice: ({ route, reason, message, error }) => log().warn({ route, reason, err: error }, message),
      }),
    }
  }
}

/** The forms in which an answer is kept beside the plain one, each made once. */
const encoder: Encoder = {
  encodings: codings,
  worthwhile: (contentType, bytes) => bytes >= 1_024 && isCompressible(mediaTypeOf(contentType)),
  // Made once and sent often: as well as each coding does at a bearable price.
  encode: (body, coding) => encodeBody(body, coding as Coding, levelFor(coding as Coding, 1)),
}

/** How many URLs are asked for at once when a cache is warmed. */
const warmers = 4

/** What routes can do with the app's cache. */
export function appCache (app: FastifyInstance, holder: CacheHolder | undefined): AppCache {
  if (holder === undefined) throw new Error('app.cache is there where the option `cache` is not false')
  return {
    get keys () {
      return holder.keys
    },
    purge: (tags, options) => holder.purge(tags, options),
    async warm (urls) {
      const left = [...urls]
      let kept = 0
      async function work (): Promise<void> {
        for (let url = left.shift(); url !== undefined; url = left.shift()) {
          const { statusCode } = await app.inject({ method: 'GET', url })
          if (statusCode < 300) kept++
        }
      }
      await Promise.all(Array.from({ length: warmers }, work))
      return kept
    },
  }
}
