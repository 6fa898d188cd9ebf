// npm run bench -- NAME [--json] [--quick] [--gate]
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/kernel/index.ts'
import { cache } from './cache/cache.ts'
import { edge } from './edge/edge.ts'
import { fairness } from './fairness/fairness.ts'
import { floor } from './floor/floor.ts'
import { generator } from './generator/generator.ts'
import {
  type Benchmark,
  findTool,
  pinning,
  reportJson,
  reportOf,
  reportText,
  writeReport,
} from './harness/index.ts'
import { idempotency } from './idempotency/idempotency.ts'
import { idle } from './idle/idle.ts'
import { jobs } from './jobs/jobs.ts'
import { ledger } from './ledger/ledger.ts'
import { limiter } from './limiter/limiter.ts'
import { outbox } from './outbox/outbox.ts'
import { overload } from './overload/index.ts'
import { projection } from './projection/projection.ts'
import { purge } from './purge/purge.ts'
import { read } from './read/read.ts'
import { reload } from './reload/reload.ts'
import { replica } from './replica/replica.ts'
import { start } from './start/start.ts'
import { stream } from './stream/stream.ts'
import { tenants } from './tenants/tenants.ts'

const benchmarks: readonly Benchmark[] = [
  floor,
  reload,
  idle,
  start,
  limiter,
  idempotency,
  generator,
  overload,
  fairness,
  cache,
  stream,
  edge,
  read,
  replica,
  purge,
  jobs,
  tenants,
  outbox,
  projection,
  ledger,
]

const usage = `npm run bench -- NAME [--json] [--quick] [--gate]

${benchmarks.map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`).join('\n')}

  --json   the report as JSON on standard output, and nothing else there
  --quick  fewer and shorter rounds: to see that it works, not to quote figures
  --gate   exit with 1 when a check misses its target

The report is written to bench/results/NAME.json. What each benchmark does: docs/benchmarks.md.
`

process.exitCode = await main()

async function main (): Promise<number> {
  let given
  try {
    given = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        gate: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`)
    return 64
  }
  const { values, positionals: [name, ...rest] } = given
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const benchmark = benchmarks.find((each) => each.name === name)
  if (benchmark === undefined || rest.length > 0) {
    const wrong = name === undefined ?
      'Which benchmark?' :
      `There is no benchmark "${[name, ...rest].join(' ')}".`
    process.stderr.write(`${wrong}\n\n${usage}`)
    return 64
  }
  return run(benchmark, values)
}

async function run (
  benchmark: Benchmark,
  { json, quick, gate }: { json: boolean; quick: boolean; gate: boolean }
): Promise<number> {
  leaveServerCore()
  const say = (message: string): void => void process.stderr.write(`  ${message}\n`)
  const startedMs = systemClock.epochMs()
  try {
    const outcome = await benchmark.run({ quick, say })
    const report = reportOf(benchmark.name, outcome, { quick, startedMs, endedMs: systemClock.epochMs() })
    const file = writeReport(report)
    if (json) process.stdout.write(reportJson(report))
    else process.stdout.write(`${reportText(report)}\nWritten to ${file}\n`)
    return gate && report.checks.some(({ ok }) => !ok) ? 1 : 0
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string }
    process.stderr.write(code.startsWith('BENCH_') ? `${message}\n` : `${(error as Error).stack}\n`)
    return code === 'BENCH_TOOL_MISSING' ? 69 : 70
  }
}

/** The harness itself works a little during a run: on the generator's core, not on the server's. */
function leaveServerCore (): void {
  const taskset = findTool('taskset')
  if (taskset === undefined || pinning().generator.length === 0) return
  spawnSync(taskset, ['-a', '-cp', '1', String(process.pid)])
}
