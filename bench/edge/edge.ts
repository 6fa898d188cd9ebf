import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startVarnish } from '../../src/answer/edge/varnish/varnish.fixture.ts'
import { embeddedPostgres } from '../../src/engines/index.ts'
import {
  atLeast,
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  findTool,
  packageVersion,
  plimsollServe,
  quantile,
  scratchFolder,
  showCount,
  startServer,
  ToolMissingError,
  versionOf,
} from '../harness/index.ts'
import { type EdgeSubject, edgeSubjects } from './subjects.ts'
import { type Freshness, type Stretch, Traffic } from './traffic.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '')

interface EdgeResult {
  readonly subject: EdgeSubject
  readonly cold: Stretch
  readonly warm: Stretch
  readonly purges: readonly Freshness[]
}

/** What a CDN spares the origin, and how soon a change is seen through it: a real Varnish before a real service. */
export const edge: Benchmark = {
  name: 'edge',
  summary: 'a real Varnish before a service: requests that reach the origin, age of answers, purges by key',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    if (findTool('varnishd') === undefined) {
      throw new ToolMissingError('varnishd', 'apt-get install varnish varnish-modules')
    }
    // As many requests a product in both: what is read for the first time costs the origin a request anyway.
    const [products, requests, purges] = quick ? [1_000, 20_000, 20] : [10_000, 200_000, 200]
    await using server = embeddedPostgres({ directory: `${scratchFolder('edge')}/postgres` })
    const { url } = await server.connect()
    const results: EdgeResult[] = []
    for (const subject of edgeSubjects) {
      say(`${subject.name}: ${showCount(2 * requests * (subject.share ?? 1))} requests`)
      results.push(
        await measure(subject, url, { products, requests: requests * (subject.share ?? 1), purges })
      )
    }
    return outcome(results, products)
  },
}

async function measure (
  subject: EdgeSubject,
  databaseUrl: string,
  { products, requests, purges }: { products: number; requests: number; purges: number }
): Promise<EdgeResult> {
  await fillDatabase(databaseUrl, products)
  await using origin = await startServer({
    ...plimsollServe(new URL('service.ts', import.meta.url), {
      workers: 1,
      flags: ['--no-admission-enabled'],
    }),
    env: { BENCH_HEADERS: subject.headers, BENCH_DATABASE: databaseUrl },
  })
  const { host, port } = origin.address
  const originUrl = `http://${host}:${port}`
  await using varnish = await startVarnish(subject.vcl(origin.address), 'malloc,256m')
  const told = await fetch(`${originUrl}/instances`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: varnish.url }),
  })
  if (!told.ok) throw new Error(`the service answered ${told.status}`)
  await using traffic = new Traffic(
    varnish.url,
    originUrl,
    products,
    async () => (await varnish.counters())['MAIN.backend_req'] ?? NaN
  )
  const cold = await traffic.run(requests)
  const warm = await traffic.run(requests)
  const seen: Freshness[] = []
  if (subject.headers === 'policy') {
    // The rarest ones: no purge of before is repeated meanwhile.
    for (let i = 0; i < purges; i++) seen.push(await traffic.untilFresh(products - i, 10_000))
  }
  return { subject, cold, warm, purges: seen }
}

async function fillDatabase (url: string, products: number): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`DROP TABLE IF EXISTS product, plimsoll_edge_purges;
    CREATE TABLE product AS
      SELECT id, 1 AS version, 'Product ' || id AS name, repeat(md5(id::text), 10) AS description
      FROM generate_series(1, ${products}) AS id;
    ALTER TABLE product ADD PRIMARY KEY (id)`)
  await client.end()
}

function outcome (results: readonly EdgeResult[], products: number): BenchmarkOutcome {
  const [policy] = results
  const fresh = policy?.purges.map(({ freshMs }) => freshMs) ?? []
  const stale = policy?.purges.map((purge) => purge.stale) ?? []
  const failed = results.reduce((sum, { cold, warm }) => sum + cold.failed + warm.failed, 0)
  return {
    tables: [
      {
        title: `${
          showCount(products)
        } products, read by Zipf's law (s = 1), one changed every 1,000 requests`,
        columns: [
          'headers and VCL',
          'requests',
          'to the origin, cold %',
          'warm %',
          'handler runs, warm %',
          'stale answers',
          'stalest ms',
          'requests/s',
        ],
        rows: results.map(({ subject, cold, warm }) => [
          subject.name,
          showCount(cold.requests + warm.requests),
          percent(cold.originReads, cold.requests),
          percent(warm.originReads, warm.requests),
          percent(warm.handlerRuns, warm.requests),
          showCount(cold.stale + warm.stale),
          showCount(Math.round(Math.max(cold.stalestMs, warm.stalestMs))),
          showCount(Math.round(warm.perSecond)),
        ]),
      },
      {
        title: 'A soft purge by key: from the acknowledged change to the first fresh answer through Varnish',
        columns: ['purges', 'p50 ms', 'p99 ms', 'longest ms', 'stale answers meanwhile, p50', 'most'],
        rows: [[
          String(fresh.length),
          quantile(fresh, 0.5).toFixed(1),
          quantile(fresh, 0.99).toFixed(1),
          Math.max(...fresh).toFixed(1),
          quantile(stale, 0.5).toFixed(0),
          String(Math.max(...stale)),
        ]],
      },
    ],
    checks: [
      atLeast(
        'edge: origin reads cut by the policy, warm',
        policy === undefined ? NaN : 1 - policy.warm.originReads / policy.warm.requests,
        'ratio',
        0.99
      ),
      atMost('edge: purges not seen within 10 s', fresh.filter((ms) => ms === Infinity).length, 'purges', 0),
      atMost('edge: answers other than 200', failed, 'answers', 0),
    ],
    measurements: results.map(({ subject: { name }, ...result }) => ({ name, ...result })),
    versions: {
      varnishd: versionOf('varnishd', '-V'),
      pg: packageVersion('pg', root),
      undici: packageVersion('undici', root),
    },
    notes: [
      'Each subject starts cold, with an empty Varnish, and goes on warm with as many requests again. Changes go to the ' +
      'origin; in the first subject each enqueues its purge in its own transaction, and is purged twice, 5 s apart.',
      'A stale answer is one that was asked for after a newer version had been acknowledged. Whoever is first to ask after ' +
      "a soft purge gets the old copy, so that the stalest one tells when that was. Without purges the headers' " +
      "times bound it; Varnish's own VCL keeps what says nothing for 2 minutes.",
      'A response that was on its way to Varnish during a purge is kept after it, until the repetition: where a purge takes ' +
      '5 s to be seen, that was why.',
      'The service runs without admission, which would shed requests while the whole machine is busy with this.',
      'Readers (16 connections), Varnish, the service (1 worker) and PostgreSQL share the machine: requests per second ' +
      'are for orientation only.',
    ],
  }
}

function percent (part: number, whole: number): string {
  return (part / whole * 100).toFixed(2)
}
