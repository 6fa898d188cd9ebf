import type { Pool } from 'pg'
import { type Finding, type RecordedStatement, recordStatements } from '../../data/watch/index.ts'
import { localEngine } from '../../engines/index.ts'
import { Lifecycle } from '../../kernel/index.ts'
import { Health } from '../../serve/health/index.ts'
import { buildApp, type Service } from '../../serve/service/index.ts'
import type { Settings } from '../../serve/settings/index.ts'
import { createLogger, MetricsRegistry, Tracer } from '../../telemetry/index.ts'
import { type ExampleRequest, withRoutesNoted } from './example-requests.ts'

/** A request that was sent, and what it asked of the database. */
export interface AskedRequest {
  readonly url: string
  readonly status: number
  /** Only those that read or write rows. */
  readonly statements: readonly RecordedStatement[]
}

/** A service's answers. */
export interface AskedService {
  /** The service's own, until the work ends. */
  readonly pool: Pool
  readonly requests: readonly AskedRequest[]
  /** GET routes for which no request could be made up. */
  readonly skipped: readonly string[]
  /** Statements that one request sent again and again. */
  readonly repeated: readonly Finding[]
}

/**
 * Builds a service as a worker does, sends it requests without a socket, and gives what was seen to `work`.
 *
 * @param urls to GET; `undefined` for each GET route that an example can be made of
 */
export async function withAskedService<Result> (
  service: Service,
  settings: Settings,
  urls: readonly string[] | undefined,
  onProgress: (message: string) => void,
  work: (asked: AskedService) => Promise<Result>
): Promise<Result> {
  await using lifecycle = new Lifecycle()
  const local = localEngine()
  await lifecycle.start({ name: 'local', close: () => local.close() })
  const tracer = new Tracer({ sampleRatio: 0 })
  await lifecycle.start({ name: 'tracer', close: () => tracer.close() })
  const routes: ExampleRequest[] = []
  const app = await buildApp(withRoutesNoted(service, routes), {
    settings,
    telemetry: { registry: new MetricsRegistry(), tracer, logger: createLogger({ level: 'silent' }) },
    health: new Health({}),
    local: await local.connect(),
    lifecycle,
    onProgress,
  })
  const known = routes.flatMap(({ url }) => url === undefined ? [] : [url])
  const requests: AskedRequest[] = []
  const repeated: Finding[] = []
  for (const url of new Set(urls ?? known)) {
    onProgress(`asking GET ${url}`)
    const { result, statements, findings } = await recordStatements(async () => await app.inject(url))
    requests.push({ url, status: result.statusCode, statements: statements.filter(({ isQuery }) => isQuery) })
    repeated.push(...findings)
  }
  const skipped = urls !== undefined ?
    [] :
    routes.filter(({ url }) => url === undefined).map(({ route }) => route)
  return await work({ pool: app.data, requests, skipped, repeated })
}
