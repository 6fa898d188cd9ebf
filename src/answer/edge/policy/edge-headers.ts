import type { MetricsRegistry } from '../../../telemetry/index.ts'
import { cacheGroups } from './cache-groups.ts'
import {
  type Directives,
  directivesOf,
  keptByCaller,
  keptByNobody,
  negativeDirectives,
} from './directives.ts'
import { EdgeKeys, type EdgeKeysOptions } from './edge-key.ts'
import { dialectsOf, type EdgeDialect, type EdgeName } from './edge-names.ts'
import { type EdgePolicyOptions, headerNames, resolveEdgePolicy } from './options.ts'

export interface EdgeHeadersOptions extends EdgeKeysOptions {
  /** The caches in front of the service. @default varnish and fastly, whose fields most others read too */
  readonly edges?: readonly EdgeName[]
  /** Writes `Cache-Groups` (RFC 9875) too, for the first 32 tags. @default false */
  readonly groups?: boolean
  /** Request headers that tell callers apart, for `Vary` where the scope is not public. @default authorization and cookie */
  readonly credentials?: readonly string[]
  readonly registry: MetricsRegistry
}

/** What the headers of one response depend on. */
export interface EdgeAnswer {
  readonly status: number
  /** @default none */
  readonly tags?: readonly string[]
  /** It depends on its caller, whatever the route says: it sets a cookie, or the request showed credentials. @default false */
  readonly personal?: boolean
}

/** Names and values by turns, ready to be written; no value holds anything that could end a header. */
export type FlatHeaders = readonly string[]

/** The headers of one route, worked out when it is registered. */
export interface EdgeRoute {
  /** `Vary`, as far as the policy tells; undefined for none. */
  readonly vary: string | undefined
  /** The headers of one response, `Vary` included. What has no tags shares one array. */
  headersFor(answer: EdgeAnswer): FlatHeaders
}

/** Headers that are for trusted edges: what a hop that is not one should not get. */
export const edgeOnlyHeaders: ReadonlySet<string> = new Set([
  'cdn-cache-control',
  'surrogate-control',
  'surrogate-key',
  'cache-tag',
])

/** Writes the caching headers of a service's routes, each from its one policy. */
export class EdgeHeaders {
  readonly keys: EdgeKeys
  readonly #controls: readonly string[]
  readonly #keyFields: readonly KeyField[]
  readonly #credentials: readonly string[]
  readonly #groups: boolean
  readonly #registry: MetricsRegistry

  /** @throws SettingError */
  constructor (options: EdgeHeadersOptions) {
    const { edges = ['varnish', 'fastly'], credentials = ['authorization', 'cookie'], groups = false } =
      options
    const dialects = dialectsOf(edges)
    this.keys = new EdgeKeys(options)
    this.#controls = [...new Set(dialects.map(({ control }) => control))]
    this.#keyFields = keyFieldsOf(dialects)
    this.#credentials = headerNames('edge.credentials', credentials)
    this.#groups = groups
    this.#registry = options.registry
  }

  /**
   * @param name e.g. `GET /products/:id`, for errors and metrics
   * @throws SettingError for a policy that cannot be meant, or would leak
   */
  route (name: string, options: EdgePolicyOptions): EdgeRoute {
    const policy = resolveEdgePolicy(name, options, this.#credentials)
    const vary = policy.vary.length === 0 ? undefined : policy.vary.join(', ')
    const field = (directives: Directives): FlatHeaders => [
      'cache-control',
      directives.browser,
      ...this.#controls.flatMap((control) => [control, directives.cdn]),
      ...(vary === undefined ? [] : ['vary', vary]),
    ]
    const fresh = field(directivesOf(policy))
    const negative = field(negativeDirectives(policy))
    const uncached = field({ ...directivesOf(policy), cdn: 'no-store' })
    const personal = field(keptByCaller)
    const failed = field(keptByNobody)
    const tooMany = this.#registry.counter({
      name: 'plimsoll_edge_too_many_tags_total',
      help: 'Responses with more tags than the headers for CDNs take.',
      labels: ['route'],
    }).slot({ route: name })

    const headersFor = ({ status, tags, personal: isPersonal = false }: EdgeAnswer): FlatHeaders => {
      const isMissing = status === 404 || status === 410
      if (!isMissing && !isCacheable(status)) return failed
      if (isPersonal) return personal
      const base = isMissing ? negative : fresh
      if (tags === undefined || tags.length === 0 || policy.cdn === undefined || base === failed) return base
      const headers = this.#keyHeaders(tags)
      if (headers !== undefined) return [...base, ...headers]
      tooMany.add()
      return this.keys.fold ? [...base, ...this.#foldedHeaders(tags)] : isMissing ? failed : uncached
    }
    return { vary, headersFor }
  }

  /** Undefined when some header would be too long. */
  #keyHeaders (tags: readonly string[]): FlatHeaders | undefined {
    const keys = tags.length === 1 ?
      [this.keys.of(tags[0]!)] :
      [...new Set(tags.map((tag) => this.keys.of(tag)))]
    const headers = this.#groups ? ['cache-groups', cacheGroups(keys)] : []
    for (const { name, separator, maxKeys, maxBytes } of this.#keyFields) {
      if (keys.length > maxKeys) return undefined
      const value = keys.join(separator)
      if (value.length > maxBytes) return undefined
      headers.push(name, value)
    }
    return headers
  }

  #foldedHeaders (tags: readonly string[]): FlatHeaders {
    const shared = [...new Set(tags.map((tag) => this.keys.bucketOf(tag)))]
    return this.#keyFields.flatMap(({ name, separator }) => [name, shared.join(separator)])
  }
}

interface KeyField {
  readonly name: string
  readonly separator: string
  readonly maxKeys: number
  readonly maxBytes: number
}

/** One field a name; where two edges read it, what both take. */
function keyFieldsOf (dialects: readonly EdgeDialect[]): readonly KeyField[] {
  const byName = Map.groupBy(dialects, ({ keys }) => keys)
  return [...byName].map(([name, readers]) => ({
    name,
    separator: readers[0]!.separator,
    maxKeys: Math.min(...readers.map(({ maxKeys }) => maxKeys)),
    maxBytes: Math.min(...readers.map(({ maxHeaderBytes }) => maxHeaderBytes)),
  }))
}

/** What the policy is for: successes, and redirects that do not change. */
function isCacheable (status: number): boolean {
  return (status >= 200 && status < 300) || status === 304 || status === 301 || status === 308
}
