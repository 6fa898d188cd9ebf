import { fileURLToPath } from 'node:url'
import {
  atLeast,
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  type Check,
  findTool,
  installPeers,
  interleave,
  median,
  packageVersion,
  pinning,
  ratio,
  showCount,
  showRange,
  startServer,
  type Table,
  versionOf,
} from '../harness/index.ts'
import { type Accuracy, measureAccuracy } from './accuracy.ts'
import { timedRun } from './timed-run.ts'
import {
  autocannonTool,
  type ClosedResult,
  h2loadTool,
  plimsollCommand,
  plimsollName,
  plimsollTool,
  runTool,
  type Tool,
  wrkTool,
} from './tool.ts'

const connections = 100
/** Requests a second that one core must be able to drive. */
const leastPerCore = 30_000

/** One round of one tool: what it takes for starting is measured with a short run, and taken off. */
interface Round {
  readonly requestsPerSecond: number
  readonly cpuMicros: number
}

/** One rate of the open model. */
interface OpenLevel {
  readonly perSecond: number
  readonly answeredPerSecond: number
  readonly lagP50Ms: number
  readonly lagP99Ms: number
  readonly spareShare: number
  readonly state: string
}

/** Whether `plimsoll load` is fast enough and right: CPU for each request, lateness at a rate, known latencies. */
export const generator: Benchmark = {
  name: 'generator',
  summary:
    'plimsoll load against wrk, h2load and autocannon: rate per core, lateness, latencies that are known',
  async run (options: BenchmarkOptions): Promise<BenchmarkOutcome> {
    const { quick, say } = options
    installPeers(say)
    const tools = [plimsollTool(), wrkTool(), h2loadTool(), autocannonTool()].filter((tool) =>
      tool !== undefined
    )
    const program = fileURLToPath(new URL('../floor/node-http.ts', import.meta.url))
    const argv = [process.execPath, '--disable-warning=ExperimentalWarning', program]
    await using server = await startServer({ argv }, { prefix: pinning().server })
    const origin = `http://${server.address.host}:${server.address.port}`
    const closed = await measureClosed(tools, `${origin}/ping`, options)
    const open: OpenLevel[] = []
    for (const perSecond of [1_000, 5_000, 10_000, 20_000, 30_000]) {
      say(`open model: ${perSecond}/s`)
      open.push(await measureOpen(origin, perSecond, quick ? 1 : 5))
    }
    const accuracy = await measureAccuracy(say)
    return {
      tables: [closedTable(closed), openTable(open), ...accuracy.map(accuracyTable)],
      checks: checksOf(closed, accuracy),
      measurements: { closed: Object.fromEntries(closed), open, accuracy },
      versions: {
        wrk: toolVersion('wrk', '-v'),
        h2load: toolVersion('h2load', '--version'),
        autocannon: packageVersion('autocannon'),
      },
      notes: [
        `node:http, GET /ping; ${connections} keep-alive connections in a closed loop. CPU is what the whole ` +
        "generator's process used; what it uses for starting is measured by a run of 1 s and taken off.",
        '"one core could drive" is a second over the CPU time of a request.',
        ...(findTool('h2load') === undefined ?
          ['h2load is not here (Debian: `apt-get install nghttp2-client`); its row is missing.'] :
          []),
        ...(findTool('wrk') === undefined ? ['wrk is not here; its rows are missing.'] : []),
      ],
    }
  },
}

async function measureClosed (
  tools: readonly Tool[],
  url: string,
  { quick, say }: BenchmarkOptions
): Promise<ReadonlyMap<string, readonly Round[]>> {
  const [rounds, seconds] = quick ? [1, 2] : [7, 6]
  const prefix = pinning().generator
  const measured = await interleave(tools, rounds, async (tool, round) => {
    const short = await runTool(tool, { url, connections, seconds: 1, prefix })
    const long = await runTool(tool, { url, connections, seconds, prefix })
    const result = roundOf(short, long)
    say(
      `round ${round + 1}/${rounds}: ${tool.name} ${showCount(result.requestsPerSecond)}/s, ` +
        `${result.cpuMicros.toFixed(1)} us`
    )
    return result
  })
  return new Map([...measured].map(([{ name }, results]) => [name, results]))
}

function roundOf (short: ClosedResult, long: ClosedResult): Round {
  return {
    requestsPerSecond: long.requests / long.seconds,
    cpuMicros: (long.cpuSeconds - short.cpuSeconds) / (long.requests - short.requests) * 1e6,
  }
}

async function measureOpen (origin: string, perSecond: number, seconds: number): Promise<OpenLevel> {
  const plan = {
    targets: [origin],
    phases: [
      { kind: 'poisson', perSecond, durationMs: 1_000, warmUp: true },
      { kind: 'poisson', perSecond, durationMs: seconds * 1000 },
    ],
    connections: { kind: 'keep-alive', open: connections, maximum: 5 * connections },
    traffic: {
      kind: 'journeys',
      journeys: [{ name: 'j', steps: [{ request: { name: 'r', path: '/ping' } }] }],
    },
    patienceMs: 2_000,
  }
  const { stdout } = await timedRun([...pinning().generator, ...plimsollCommand(plan)])
  const report = JSON.parse(stdout) as {
    totals: { answeredPerSecond: number }
    dispatchLag: { p50Ms: number; p99Ms: number }
    health: [{ spareShare: number }]
    verdict: { state: string }
  }
  return {
    perSecond,
    answeredPerSecond: report.totals.answeredPerSecond,
    lagP50Ms: report.dispatchLag.p50Ms,
    lagP99Ms: report.dispatchLag.p99Ms,
    spareShare: report.health[0].spareShare,
    state: report.verdict.state,
  }
}

function closedTable (closed: ReadonlyMap<string, readonly Round[]>): Table {
  const series = (name: string, field: keyof Round): readonly number[] =>
    (closed.get(name) ?? []).map((round) => round[field])
  const against = (name: string, field: keyof Round): string =>
    closed.has('wrk') ? showRange(ratio(series(name, field), series('wrk', field))) : '-'
  return {
    title: 'Rate per core: GET /ping of node:http',
    columns: ['tool', 'rps', 'x wrk', 'CPU us/req', 'CPU x wrk', 'one core could drive'],
    rows: [...closed.keys()].map((name) => [
      name,
      showCount(median(series(name, 'requestsPerSecond'))),
      against(name, 'requestsPerSecond'),
      median(series(name, 'cpuMicros')).toFixed(1),
      against(name, 'cpuMicros'),
      showCount(1e6 / median(series(name, 'cpuMicros'))),
    ]),
  }
}

function openTable (open: readonly OpenLevel[]): Table {
  return {
    title: 'Open model: Poisson arrivals, one thread on one core',
    columns: ['asked/s', 'answered/s', 'late p50 ms', 'late p99 ms', 'time to spare', 'verdict'],
    rows: open.map(({ perSecond, answeredPerSecond, lagP50Ms, lagP99Ms, spareShare, state }) => [
      showCount(perSecond),
      showCount(answeredPerSecond),
      lagP50Ms.toFixed(3),
      lagP99Ms.toFixed(2),
      spareShare.toFixed(2),
      state,
    ]),
  }
}

function accuracyTable ({ title, truth, reported }: Accuracy): Table {
  return {
    title: `Known latency: ${title}`,
    columns: ['tool', 'p50 ms', 'p90 ms', 'p99 ms', 'samples'],
    rows: [truth, ...reported].map(({ tool, p50Ms, p90Ms, p99Ms, samples }) => [
      tool,
      p50Ms.toFixed(1),
      p90Ms.toFixed(1),
      p99Ms.toFixed(1),
      showCount(samples),
    ]),
  }
}

function checksOf (
  closed: ReadonlyMap<string, readonly Round[]>,
  accuracy: readonly Accuracy[]
): readonly Check[] {
  const micros = (closed.get(plimsollName) ?? []).map(({ cpuMicros }) => cpuMicros)
  const perCore = micros.length === 0 ? Number.NaN : 1e6 / median(micros)
  return [
    atLeast('generator: requests per second that one core can drive', perCore, 'requests/s', leastPerCore),
    ...accuracy.flatMap(({ server, truth, reported }) => {
      const own = reported.find(({ tool }) => tool === plimsollName)
      // With a fixed delay all quantiles are one; the upper ones would judge the machine's mood.
      const fields = server === 'fixed' ? ['p50Ms'] as const : ['p90Ms', 'p99Ms'] as const
      return fields.map((field) =>
        atMost(
          `generator: ${field.slice(0, 3)} of the server with a ${
            server === 'fixed' ? 'fixed delay' : 'stall'
          }, off by`,
          Math.abs((own?.[field] ?? Number.NaN) - truth[field]) / truth[field],
          'of the true value',
          0.1
        )
      )
    }),
  ]
}

function toolVersion (name: string, flag: string): string | undefined {
  const tool = findTool(name)
  return tool === undefined ? undefined : versionOf(tool, flag)
}
