import { fileURLToPath } from 'node:url'
import { findTool, peersFolder } from '../harness/index.ts'
import { timedRun } from './timed-run.ts'

/** A closed loop over connections that are kept. */
export interface ClosedLoad {
  readonly url: string
  readonly connections: number
  /** Whole. */
  readonly seconds: number
  /** Put before the command: a pinning to a core. */
  readonly prefix: readonly string[]
}

/** What a tool says it did, and what that cost. */
export interface ClosedResult {
  readonly requests: number
  readonly seconds: number
  readonly cpuSeconds: number
}

/** A load generator. */
export interface Tool {
  readonly name: string
  /** The command for a load. */
  readonly command: (load: ClosedLoad) => readonly string[]
  /** Finds in its output how many requests it had answered, in how many seconds. */
  readonly read: (output: string) => { readonly requests: number; readonly seconds: number }
}

export const plimsollName = 'plimsoll load'
const plimsollMain = fileURLToPath(new URL('plimsoll-main.ts', import.meta.url))
const node = [process.execPath, '--conditions=plimsoll-source', '--disable-warning=ExperimentalWarning']

/** @returns a command that runs a load plan, given as JSON; it prints the report as JSON */
export function plimsollCommand (plan: unknown): readonly string[] {
  return [...node, plimsollMain, JSON.stringify(plan)]
}

export function plimsollTool (): Tool {
  return {
    name: plimsollName,
    command: ({ url, connections, seconds }) => {
      const { origin, pathname } = new URL(url)
      return plimsollCommand({
        targets: [origin],
        phases: [{ kind: 'closed', users: connections, durationMs: seconds * 1000 }],
        traffic: {
          kind: 'journeys',
          journeys: [{ name: 'j', steps: [{ request: { name: 'r', path: pathname } }] }],
        },
      })
    },
    read (output) {
      const { totals, measuredMs } = JSON.parse(output) as {
        totals: { expected: number }
        measuredMs: number
      }
      return { requests: totals.expected, seconds: measuredMs / 1000 }
    },
  }
}

export function wrkTool (): Tool | undefined {
  const wrk = findTool('wrk')
  return wrk === undefined ? undefined : {
    name: 'wrk',
    command: ({ url, connections, seconds }) => [wrk, '-t1', `-c${connections}`, `-d${seconds}s`, url],
    read: (output) => readTwo(output, /(\d+) requests in ([\d.]+)s/),
  }
}

export function h2loadTool (): Tool | undefined {
  const h2load = findTool('h2load')
  return h2load === undefined ? undefined : {
    name: 'h2load --h1',
    command: ({ url, connections, seconds }) => [
      h2load,
      '--h1',
      '-t1',
      `-c${connections}`,
      `-D${seconds}`,
      url,
    ],
    read (output) {
      const { seconds } = readTwo(output, /(finished) in ([\d.]+)s/)
      return { seconds, requests: Number(/(\d+) succeeded/.exec(output)?.[1]) }
    },
  }
}

export const autocannonMain: string = `${peersFolder}/node_modules/autocannon/autocannon.js`

export function autocannonTool (): Tool {
  return {
    name: 'autocannon',
    command: ({ url, connections, seconds }) => [
      process.execPath,
      autocannonMain,
      '-j',
      '-c',
      String(connections),
      '-d',
      String(seconds),
      url,
    ],
    read (output) {
      const { '2xx': requests, duration: seconds } = JSON.parse(output) as { '2xx': number; duration: number }
      return { requests, seconds }
    },
  }
}

/** @throws Error with the output in which the figures were not found */
export async function runTool (tool: Tool, load: ClosedLoad): Promise<ClosedResult> {
  const { stdout, cpuSeconds } = await timedRun([...load.prefix, ...tool.command(load)])
  const read = tool.read(stdout)
  if (!(read.requests > 0)) throw new Error(`${tool.name} tells no requests:\n${stdout.slice(0, 1_000)}`)
  return { ...read, cpuSeconds }
}

function readTwo (output: string, pattern: RegExp): { requests: number; seconds: number } {
  const [, requests, seconds] = pattern.exec(output) ?? []
  if (seconds === undefined) throw new Error(`no summary:\n${output.slice(0, 1_000)}`)
  return { requests: Number(requests), seconds: Number(seconds) }
}
