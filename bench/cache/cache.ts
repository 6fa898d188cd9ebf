import {
  atLeast,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  cpuSeconds,
  hasProc,
  installPeers,
  interleave,
  median,
  packageVersion,
  pinning,
  ratio,
  type Server,
  showCount,
  showRange,
  startServer,
} from '../harness/index.ts'
import { type LoadResult, pickGenerator } from '../load/index.ts'
import { cacheNames, type CacheSubject, cacheSubjects, verifySubject } from './subjects.ts'
import { thingCount, thingJson } from './things.ts'

const connections = 32
const targets = { hit: 1, unchanged: 1.1 } as const

type Kind = keyof typeof targets

const titles: Readonly<Record<Kind, string>> = {
  hit: `A hot read: GET /things/{1..${thingCount}}, 200 with an ETag`,
  unchanged: 'The same with If-None-Match: 304',
}

interface Round extends LoadResult {
  /** CPU time of the server's processes, in microseconds a request. */
  readonly cpuMicros: number
}

interface Running {
  readonly subject: CacheSubject
  readonly server: Server
  readonly etag: string
}

/** What a read from the cache costs, with all protections on, against stored strings on bare Fastify. */
export const cache: Benchmark = {
  name: 'cache',
  summary:
    'hot cached reads and 304s with all protections on, against Fastify with stored strings and with plugins',
  async run (options: BenchmarkOptions): Promise<BenchmarkOutcome> {
    installPeers(options.say)
    const running: Running[] = []
    try {
      for (const subject of cacheSubjects) {
        options.say(`${subject.name}: starting and verifying`)
        const server = await startServer(subject.command, { prefix: pinning().server })
        running.push({ subject, server, etag: '' })
        const etag = await verifySubject(subject, server.address, thingJson(1))
        running[running.length - 1] = { subject, server, etag }
      }
      return await measure(running, options)
    } finally {
      await Promise.all(running.map(({ server }) => server.stop()))
    }
  },
}

async function measure (
  running: readonly Running[],
  { quick, say }: BenchmarkOptions
): Promise<BenchmarkOutcome> {
  const generator = pickGenerator()
  const [rounds, seconds] = quick ? [3, 1] : [9, 3]
  const load = async ({ server, etag }: Running, kind: Kind, forSeconds: number): Promise<Round> => {
    const before = hasProc() ? cpuSeconds(server.pid) : Number.NaN
    const result = await generator.run({
      ...server.address,
      ...(kind === 'hit' ?
        { path: '/things/{id}', ids: thingCount } :
        { path: '/things/1', headers: { 'if-none-match': etag } }),
      connections,
      seconds: forSeconds,
      prefix: pinning().generator,
    })
    const spent = (hasProc() ? cpuSeconds(server.pid) : Number.NaN) - before
    return { ...result, cpuMicros: (spent * 1e6) / result.requests }
  }
  const measurements: Record<string, unknown> = {}
  const tables = []
  const checks = []
  for (const kind of ['hit', 'unchanged'] as const) {
    say(`${kind}: warming up`)
    for (const each of running) await load(each, kind, quick ? 1 : 3)
    const measured = await interleave(running, rounds, async (each, round) => {
      const result = await load(each, kind, seconds)
      say(
        `${kind}, round ${round + 1}/${rounds}: ${each.subject.name} ${showCount(result.requestsPerSecond)}/s`
      )
      return result
    })
    const series = new Map([...measured].map(([{ subject }, results]) => [subject.name, results]))
    measurements[kind] = Object.fromEntries(series)
    tables.push(tableOf(kind, series))
    for (const name of [cacheNames.plugin, cacheNames.serve]) {
      checks.push(
        atLeast(
          `cache, ${kind}: rps of ${name} against stored strings`,
          against(series, name, 'requestsPerSecond').median,
          'ratio',
          targets[kind]
        )
      )
    }
  }
  return {
    tables,
    checks,
    measurements,
    versions: {
      generator: generator.text,
      fastify: packageVersion('fastify'),
      '@fastify/etag': packageVersion('@fastify/etag'),
      'async-cache-dedupe': packageVersion('async-cache-dedupe'),
      '@fastify/otel': packageVersion('@fastify/otel'),
    },
    notes: [
      `${connections} keep-alive connections, each request with its own traceparent, 1 % of them sampled; ` +
      'a ratio is the median of the round-by-round ratios, with their range.',
      'Plimsoll has ids, metrics, traces, a limit and admission on; the plugins have the same. Stored strings have none.',
    ],
  }
}

type Series = ReadonlyMap<string, readonly Round[]>

function against (series: Series, name: string, field: keyof Round): ReturnType<typeof ratio> {
  const of = (subject: string): readonly number[] => (series.get(subject) ?? []).map((round) => round[field])
  return ratio(of(name), of(cacheNames.stored))
}

function tableOf (kind: Kind, series: Series): BenchmarkOutcome['tables'][number] {
  const rows = [...series].map(([name, results]) => {
    const of = (field: keyof Round): readonly number[] => results.map((round) => round[field])
    return [
      name,
      showCount(median(of('requestsPerSecond'))),
      showRange(against(series, name, 'requestsPerSecond')),
      median(of('cpuMicros')).toFixed(1),
      showRange(against(series, name, 'cpuMicros')),
      median(of('p99Ms')).toFixed(1),
      showCount(of('errors').reduce((sum, count) => sum + count, 0)),
    ]
  })
  return {
    title: titles[kind],
    columns: ['subject', 'rps', 'x stored strings', 'CPU us/req', 'CPU x stored strings', 'p99 ms', 'errors'],
    rows,
  }
}
