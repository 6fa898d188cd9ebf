import { varnishVcl } from '../../src/answer/edge/index.ts'
import type { RouteCache } from '../../src/serve/pipeline/index.ts'
import type { Address } from '../harness/index.ts'

/** The route's policy: kept for long, since a purge by its key ends it. */
export const policy: RouteCache = {
  ttl: '1h',
  staleWhileRevalidate: '1m',
  scope: 'public',
  tags: ['product:{id}'],
}

/** What one would write without keys: a page may be as old as both together. */
export const plainHeaders = 's-maxage=10, stale-while-revalidate=10'

/** What the origin says, and how Varnish takes it. */
export interface EdgeSubject {
  readonly name: string
  readonly headers: 'policy' | 's-maxage' | 'none'
  readonly vcl: (origin: Address) => string
  /** A share of the requests, where each costs the origin one. @default 1 */
  readonly share?: number
}

const ownVcl = ({ host, port }: Address): string =>
  varnishVcl({ backend: { host, port }, publicRoutes: ['/products/:id'] })

const builtInVcl = ({ host, port }: Address): string =>
  `vcl 4.1;\nbackend default { .host = "${host}"; .port = "${port}"; }\n`

export const edgeSubjects: readonly EdgeSubject[] = [
  { name: 'policy, purged by key', headers: 'policy', vcl: ownVcl },
  { name: `"${plainHeaders}", Varnish's own VCL`, headers: 's-maxage', vcl: builtInVcl },
  { name: "no caching headers, Varnish's own VCL", headers: 'none', vcl: builtInVcl },
  { name: "no caching headers, Plimsoll's VCL", headers: 'none', vcl: ownVcl, share: 0.1 },
]
