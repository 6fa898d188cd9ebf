import { type Bytes, type Clock, type Duration, systemClock } from '../../kernel/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import type { CacheRequest } from './cache-request.ts'
import type { Encoder } from './encoder.ts'
import type { Found } from './found.ts'
import { processCache } from './process-cache.ts'
import { type CachedRouteOptions, resolvePolicy } from './route-policy.ts'
import type { PurgeReceipt, SharedCache } from './shared-cache.ts'

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
  /** Response headers that belong to one request, and are not kept, beside those that never are. @default none */
  readonly perRequestHeaders?: readonly string[]
  /** For how long a leader that died holds up others, at most. @default '5s' */
  readonly lease?: Duration
  /** @default the system's */
  readonly clock?: Clock
  /** Hears, once a route and reason, of what its author should know. @default nobody */
  readonly onNotice?: (notice: CacheNotice) => void
}

/** Something in a route that keeps it from being cached, or makes the cache fail. */
export interface CacheNotice {
  readonly route: string
  readonly reason: string
  /** What it is and what to do about it. */
  readonly message: string
  readonly error?: unknown
}

export interface CachedRoute<Request = unknown> {
  /**
   * What the cache has for a request. At once when memory can tell, without a promise; a promise when another request or
   * another layer has to be waited for. It rejects with the reason of the request's signal only.
   */
  lookup(request: CacheRequest<Request>): Found | Promise<Found>
}

/** An unsafe request that has been answered. */
export interface WriteRequest {
  readonly method: string
  readonly url: string
  readonly origin: string
}

export class HttpCache {
  readonly #options: HttpCacheOptions
  readonly #shared: SharedCache

  /** @throws SettingError */
  constructor (options: HttpCacheOptions) {
    this.#options = options
    this.#shared = options.shared ?? processCache({ clock: options.clock ?? systemClock })
  }

  /** @throws SettingError for a policy that is wrong or unsafe */
  route<Request> (options: CachedRouteOptions<Request>): CachedRoute<Request> {
    resolvePolicy(options, this.#options.encoder?.encodings ?? [])
    return {
      lookup: () => ({ kind: 'bypass', reason: 'request', cacheStatus: 'plimsoll; fwd=bypass' }),
    }
  }

  /**
   * Purges all answers with one of the tags, in the whole fleet.
   *
   * @param soft whether they may still be served while they are made anew. @default true
   */
  purge (tags: readonly string[], { soft = true }: { readonly soft?: boolean } = {}): Promise<PurgeReceipt> {
    return this.#shared.purges.purge(tags, soft ? 'soft' : 'hard')
  }

  /**
   * What an unsafe request has changed is purged: its own URI, those in `Location` and `Content-Location`, and the groups in
   * `Cache-Group-Invalidation`. @returns undefined when there is nothing to do
   */
  written (
    _request: WriteRequest,
    _response: { readonly status: number; readonly headers: Readonly<Record<string, unknown>> }
  ): Promise<PurgeReceipt> | undefined {
    return undefined
  }

  close (): void {}
}
