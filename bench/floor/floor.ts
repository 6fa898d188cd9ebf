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
import { OtlpSink } from './otlp-sink.ts'
import { floorNames, type FloorSubject, floorSubjects } from './subjects.ts'
import { verifySubject } from './verify.ts'

const connections = 32
const target = 0.85

interface Round extends LoadResult {
  /** CPU time of the server's processes, in microseconds a request. */
  readonly cpuMicros: number
}

/** What the request path costs: a trivial JSON route, everything on, against peers with less and the same. */
export const floor: Benchmark = {
  name: 'floor',
  summary: 'requests per second and CPU of a trivial JSON route, against node:http, Fastify and its plugins',
  async run (options: BenchmarkOptions): Promise<BenchmarkOutcome> {
    installPeers(options.say)
    await using sink = await new OtlpSink().open()
    const servers = new Map<FloorSubject, Server>()
    const missing: string[] = []
    try {
      for (const subject of floorSubjects(sink)) {
        options.say(`${subject.name}: starting and verifying`)
        try {
          servers.set(subject, await startVerified(subject, sink))
        } catch (error) {
          // The others are still worth measuring; the checks of this one fail.
          missing.push(`${subject.name} was not measured: ${(error as Error).message}`)
        }
      }
      const outcome = await measure(servers, options)
      return { ...outcome, notes: [...missing, ...outcome.notes] }
    } finally {
      await Promise.all([...servers.values()].map((server) => server.stop()))
    }
  },
}

async function startVerified (subject: FloorSubject, sink: OtlpSink): Promise<Server> {
  const { onLine = () => {} } = subject
  const server = await startServer(subject.command, { prefix: pinning().server, onLine })
  try {
    sink.reset()
    await verifySubject(subject, server.address)
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function measure (
  servers: ReadonlyMap<FloorSubject, Server>,
  { quick, say }: BenchmarkOptions
): Promise<BenchmarkOutcome> {
  const generator = pickGenerator()
  const [rounds, seconds] = quick ? [3, 1] : [9, 4]
  const subjects = [...servers.keys()]
  const load = async (subject: FloorSubject, forSeconds: number): Promise<Round> => {
    const server = servers.get(subject)
    if (server === undefined || server.exited) throw new Error(`${subject.name} ended during the benchmark`)
    const before = hasProc() ? cpuSeconds(server.pid) : Number.NaN
    const target = { ...server.address, path: '/ping', connections, seconds: forSeconds }
    const result = await generator.run({ ...target, prefix: pinning().generator })
    const spent = (hasProc() ? cpuSeconds(server.pid) : Number.NaN) - before
    return { ...result, cpuMicros: (spent * 1e6) / result.requests }
  }
  say('warming up')
  for (const subject of subjects) await load(subject, quick ? 1 : 3)
  const measured = await interleave(subjects, rounds, async (subject, round) => {
    const result = await load(subject, seconds)
    say(`round ${round + 1}/${rounds}: ${subject.name} ${showCount(result.requestsPerSecond)}/s`)
    return result
  })
  return outcome(new Map([...measured].map(([{ name }, results]) => [name, results])), generator.text)
}

function outcome (measured: ReadonlyMap<string, readonly Round[]>, generator: string): BenchmarkOutcome {
  const series = (name: string, field: keyof Round): readonly number[] =>
    (measured.get(name) ?? []).map((round) => round[field])
  const against = (name: string, other: string, field: keyof Round): string =>
    showRange(ratio(series(name, field), series(other, field)))
  const { nodeHttp, fastify } = floorNames
  const rows = [...measured.keys()].map((name) => [
    name,
    showCount(median(series(name, 'requestsPerSecond'))),
    against(name, nodeHttp, 'requestsPerSecond'),
    against(name, fastify, 'requestsPerSecond'),
    median(series(name, 'cpuMicros')).toFixed(1),
    against(name, fastify, 'cpuMicros'),
    median(series(name, 'p99Ms')).toFixed(1),
    showCount(series(name, 'errors').reduce((sum, count) => sum + count, 0)),
  ])
  const share = (name: string): number =>
    measured.has(name) ?
      ratio(series(name, 'requestsPerSecond'), series(fastify, 'requestsPerSecond')).median :
      Number.NaN
  return {
    tables: [{
      title: 'Floor: GET /ping',
      columns: [
        'subject',
        'rps',
        'x node:http',
        'x Fastify',
        'CPU us/req',
        'CPU x Fastify',
        'p99 ms',
        'errors',
      ],
      rows,
    }],
    checks: [
      atLeast(
        'floor: rps of Plimsoll (registered) against Fastify',
        share(floorNames.plugin),
        'ratio',
        target
      ),
      atLeast('floor: rps of Plimsoll (served) against Fastify', share(floorNames.serve), 'ratio', target),
    ],
    measurements: Object.fromEntries(measured),
    versions: {
      generator,
      fastify: packageVersion('fastify'),
      '@fastify/rate-limit': packageVersion('@fastify/rate-limit'),
      '@fastify/under-pressure': packageVersion('@fastify/under-pressure'),
      '@fastify/otel': packageVersion('@fastify/otel'),
      '@opentelemetry/sdk-trace-base': packageVersion('@opentelemetry/sdk-trace-base'),
      'prom-client': packageVersion('prom-client'),
    },
    notes: [
      `${connections} keep-alive connections, each request with its own traceparent, 1 % of them sampled; ` +
      'a ratio is the median of the round-by-round ratios, with their range.',
    ],
  }
}
