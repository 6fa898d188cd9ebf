import { fileURLToPath } from 'node:url'
import { findTool, pinning, startServer } from '../harness/index.ts'
import { timedRun } from './timed-run.ts'
import { autocannonMain, plimsollCommand } from './tool.ts'

/** What a tool reports, in milliseconds; `NaN` for what it does not report. */
export interface Reported {
  readonly tool: string
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  /** Latencies that it counted. */
  readonly samples: number
}

/** A server whose latency is known, and what each tool says of it. */
export interface Accuracy {
  readonly server: 'fixed' | 'stall'
  readonly title: string
  /** As it can be worked out for arrivals at the rate. */
  readonly truth: Reported
  readonly reported: readonly Reported[]
}

interface Case {
  readonly server: 'fixed' | 'stall'
  readonly title: string
  readonly perSecond: number
  readonly seconds: number
  readonly truth: Omit<Reported, 'tool' | 'samples'>
}

const cases: readonly Case[] = [
  {
    server: 'fixed',
    title: 'each answer after 100 ms; 50 requests/s for 4 s',
    perSecond: 50,
    seconds: 4,
    truth: { p50Ms: 100, p90Ms: 100, p99Ms: 100 },
  },
  {
    // A third of the arrivals come in the stall, and wait from 1,000 ms down to 0.
    server: 'stall',
    title: 'a stall of 1 s; 200 requests/s for 3 s',
    perSecond: 200,
    seconds: 3,
    truth: { p50Ms: 0, p90Ms: 700, p99Ms: 970 },
  },
]

/** Asks each tool for the same rate of the same server. */
export async function measureAccuracy (say: (message: string) => void): Promise<readonly Accuracy[]> {
  const results: Accuracy[] = []
  for (const each of cases) {
    say(`${each.title}`)
    const { server: mode, title, perSecond, seconds, truth } = each
    const program = fileURLToPath(new URL('known-server.ts', import.meta.url))
    const argv = [process.execPath, '--conditions=plimsoll-source', '--disable-warning=ExperimentalWarning']
    await using server = await startServer({ argv: [...argv, program, mode] }, { prefix: pinning().server })
    const url = `http://${server.address.host}:${server.address.port}`
    const reported: Reported[] = []
    for (const measure of [byPlimsoll, byAutocannon, byWrk]) {
      await (await fetch(`${url}/reset`)).arrayBuffer()
      reported.push(...await measure(url, each))
    }
    results.push({
      server: mode,
      title,
      truth: { tool: 'worked out', ...truth, samples: perSecond * seconds },
      reported,
    })
  }
  return results
}

async function byPlimsoll (url: string, { perSecond, seconds }: Case): Promise<Reported[]> {
  const plan = {
    targets: [url],
    phases: [{ kind: 'constant', perSecond, durationMs: seconds * 1000 }],
    traffic: { kind: 'journeys', journeys: [{ name: 'j', steps: [{ request: { name: 'r', path: '/' } }] }] },
  }
  const { stdout } = await timedRun([...pinning().generator, ...plimsollCommand(plan)])
  const { latency } = JSON.parse(stdout) as {
    latency: { p50Ms: number; p90Ms: number; p99Ms: number; count: number }
  }
  const { p50Ms, p90Ms, p99Ms, count } = latency
  return [{ tool: 'plimsoll load', p50Ms, p90Ms, p99Ms, samples: count }]
}

async function byAutocannon (url: string, { perSecond, seconds }: Case): Promise<Reported[]> {
  const flags = ['-j', '-c', '10', '-d', String(seconds), '-R', String(perSecond)]
  const command = [...pinning().generator, process.execPath, autocannonMain, ...flags, url]
  const { latency } = JSON.parse((await timedRun(command)).stdout) as {
    latency: { p50: number; p90: number; p99: number; totalCount: number }
  }
  const { p50, p90, p99, totalCount } = latency
  return [{ tool: `autocannon -R ${perSecond}`, p50Ms: p50, p90Ms: p90, p99Ms: p99, samples: totalCount }]
}

/** It has no rates: what its ten connections see as fast as they go. */
async function byWrk (url: string, { seconds }: Case): Promise<Reported[]> {
  const wrk = findTool('wrk')
  if (wrk === undefined) return []
  const flags = ['-t1', '-c10', `-d${seconds}s`, '--latency', url]
  const { stdout } = await timedRun([...pinning().generator, wrk, ...flags])
  return [{ tool: 'wrk (closed loop)', ...readWrkLatency(stdout) }]
}

/** Reads the quantiles that `wrk --latency` prints: `99%  100.40ms`. */
export function readWrkLatency (output: string): Omit<Reported, 'tool'> {
  const unitMs = { us: 0.001, ms: 1, s: 1_000 }
  const quantile = (percent: number): number => {
    const [, value, unit] = new RegExp(`^ +${percent}% +([\\d.]+)(us|ms|s)$`, 'm').exec(output) ?? []
    return Number(value) * (unitMs[unit as keyof typeof unitMs] ?? Number.NaN)
  }
  const samples = Number(/(\d+) requests in/.exec(output)?.[1])
  return { p50Ms: quantile(50), p90Ms: quantile(90), p99Ms: quantile(99), samples }
}
