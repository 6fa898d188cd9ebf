// A process that reads: subject-main.ts NAME URL, driven over IPC.
import {
  type Context,
  Deadline,
  newTrace,
  runWithContext,
  systemRandom,
  WorkSignal,
} from '../../src/kernel/index.ts'
import { quantile } from '../harness/index.ts'
import type { Ask, Round } from './protocol.ts'
import { idAt, rowsOf } from './queries.ts'
import { openReader, type ReaderName } from './readers.ts'

const [, , name, url] = process.argv
const { read } = openReader(name as ReaderName, url ?? '')
const trace = newTrace(false, systemRandom)
let reads = 0

process.on('message', (ask: Ask) => {
  measure(ask).then((round) => process.send!(round), (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(1)
  })
})
process.send!('ready')

async function measure ({ query, flights, ms }: Ask): Promise<Round> {
  const latencies: number[] = []
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  const endMs = startedMs + ms
  const flight = async (): Promise<void> => {
    for (let atMs = performance.now(); atMs < endMs;) {
      const found = await inRequest(() => read(query, idAt(reads++)))
      if (found !== rowsOf[query]) throw new Error(`${found} rows instead of ${rowsOf[query]}`)
      const nowMs = performance.now()
      latencies.push(nowMs - atMs)
      atMs = nowMs
    }
  }
  await Promise.all(Array.from({ length: flights }, flight))
  const seconds = (performance.now() - startedMs) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return {
    readsPerSecond: latencies.length / seconds,
    cpuMicros: (user + system) / latencies.length,
    p99Ms: quantile(latencies, 0.99),
  }
}

/** Each read is one of a request with a deadline, whoever reads; only the pool of Plimsoll makes use of it. */
async function inRequest<Result> (work: () => Promise<Result>): Promise<Result> {
  const deadline = Deadline.in(10_000)
  const signal = new WorkSignal({ deadline })
  const context: Context = {
    id: 'read',
    trace,
    tenant: undefined,
    criticality: 'normal',
    deadline,
    get signal () {
      return signal.signal
    },
  }
  try {
    return await runWithContext(context, work)
  } finally {
    signal.settle()
  }
}
