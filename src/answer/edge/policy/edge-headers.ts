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
import { type EdgePolicyOptions, headerNames, type ResolvedEdgePolicy, resolveEdgePolicy } from './options.ts'
import { type HeaderValue, withOwnDirectives } from './own-directives.ts'
import { mergedVary } from './vary.ts'

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
  /** The handler's, by lower-case name: its `Cache-Control` can shorten the policy, its `Vary` is kept. @default none */
  readonly headers?: Readonly<Record<string, HeaderValue>>
  /** @default none */
  readonly tags?: readonly string[]
  /** It depends on its caller, whatever the route says. One that sets a cookie always does. @default false */
  readonly personal?: boolean
}

/** Names and values, to be put in place of those of the same name; no value holds what could end a header. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[]

/** The headers of one route, worked out when it is registered. */
export interface EdgeRoute {
  /** The headers of one response. Where the policy alone decides, all responses share one array. */
  headersFor(answer: EdgeAnswer): HeaderPairs
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
    const whole = this.#forms(policy, undefined)
    const tooMany = this.#registry.counter({
      name: 'plimsoll_edge_too_many_tags_total',
      help: 'Responses with more tags than the headers for CDNs take.',
      labels: ['route'],
    }).slot({ route: name })
    return {
      headersFor: (answer) => {
        const { status, headers, tags = [], personal = false } = answer
        const control = headers?.['cache-control']
        const own = control === undefined ? policy : withOwnDirectives(policy, control)
        const effective = typeof own === 'string' ? policy : own
        const forms = own === policy && headers?.['vary'] === undefined ?
          whole :
          this.#forms(effective, headers?.['vary'])
        if (own === 'no-store' || !isKept(status) || forms.vary === '*') return forms.nobody
        if (own === 'personal' || personal || headers?.['set-cookie'] !== undefined) return forms.caller
        const base = isMissing(status) ? forms.missing : forms.fresh
        if (tags.length === 0 || policy.cdn === undefined) return base
        const keys = this.#keyPairs(tags)
        if (keys !== undefined) return [...base, ...keys]
        tooMany.add()
        if (this.keys.fold) return [...base, ...this.#foldedPairs(tags)]
        return isMissing(status) ? forms.nobody : forms.browser
      },
    }
  }

  #forms (policy: ResolvedEdgePolicy, ownVary: HeaderValue): Forms {
    const vary = mergedVary(policy.vary, ownVary)
    const pairs = ({ browser, cdn }: Directives): HeaderPairs => [
      ['cache-control', browser],
      ...this.#controls.map((control) => [control, cdn] as const),
      ...(vary === undefined ? [] : [['vary', vary] as const]),
    ]
    return {
      vary,
      fresh: pairs(directivesOf(policy)),
      browser: pairs({ ...directivesOf(policy), cdn: keptByNobody.cdn }),
      missing: pairs(negativeDirectives(policy)),
      caller: pairs(keptByCaller),
      nobody: pairs(keptByNobody),
    }
  }

  /** Undefined when a header would be longer, or have more keys, than an edge takes. */
  #keyPairs (tags: readonly string[]): HeaderPairs | undefined {
    const keys = [...new Set(tags.map((tag) => this.keys.of(tag)))]
    const pairs: [string, string][] = []
    for (const { name, separator, maxKeys, maxBytes } of this.#keyFields) {
      const value = keys.join(separator)
      if (keys.length > maxKeys || value.length > maxBytes) return undefined
      pairs.push([name, value])
    }
    if (this.#groups) pairs.push(['cache-groups', cacheGroups(keys)])
    return pairs
  }

  /** 256 keys at most: they always fit. */
  #foldedPairs (tags: readonly string[]): HeaderPairs {
    const shared = [...new Set(tags.map((tag) => this.keys.bucketOf(tag)))]
    return this.#keyFields.map(({ name, separator }) => [name, shared.join(separator)])
  }
}

/** All that the responses of one route can say. */
interface Forms {
  readonly vary: string | undefined
  readonly fresh: HeaderPairs
  /** Fresh for browsers, kept out of CDNs. */
  readonly browser: HeaderPairs
  readonly missing: HeaderPairs
  readonly caller: HeaderPairs
  readonly nobody: HeaderPairs
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

function isMissing (status: number): boolean {
  return status === 404 || status === 410
}

/** What a policy is for: successes, what is missing, and redirects that stay. */
function isKept (status: number): boolean {
  return (status >= 200 && status < 300) || status === 301 || status === 304 || status === 308 ||
    isMissing(status)
}
