import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  hasProc,
  interleave,
  median,
  type Memory,
  packageVersion,
  pinning,
  plimsollServe,
  ratio,
  type ServerCommand,
  showCount,
  showRange,
  startServer,
  summarize,
  type Table,
  ToolMissingError,
  treeMemory,
} from '../harness/index.ts'
import { raiseDescriptors } from './descriptors.ts'
import { HeldConnections } from './hold.ts'

interface IdleSubject {
  readonly name: string
  readonly command: ServerCommand
}

interface Round {
  /** After a few requests, with no connection open. */
  readonly empty: Memory
  /** With all connections open and idle. */
  readonly held: Memory
}

/** Long enough for garbage to be collected after the last request, as a server at rest does. */
const settleMs = 3_000
const names = { nodeHttp: 'node:http', fastify: 'Fastify', serve: 'Plimsoll, served' } as const

/** What an idle keep-alive connection costs in memory. */
export const idle: Benchmark = {
  name: 'idle',
  summary: 'memory of 10,000 idle keep-alive connections, against node:http and Fastify',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    if (!hasProc())
      throw new ToolMissingError('/proc', 'It reads the memory of other processes there: run it on Linux.')
    const connections = quick ? 1_000 : 10_000
    raiseDescriptors(connections + 1_000)
    const measured = await interleave(subjects(), quick ? 1 : 3, async (subject, round) => {
      const result = await measure(subject, connections)
      say(`round ${round + 1}: ${subject.name} ${showCount(result.held.pss / 2 ** 20)} MiB PSS`)
      return result
    })
    return outcome(new Map([...measured].map(([{ name }, rounds]) => [name, rounds])), connections)
  },
}

function subjects (): readonly IdleSubject[] {
  const program = (file: string): ServerCommand => ({
    argv: [process.execPath, fileURLToPath(new URL(file, import.meta.url))],
  })
  const flags = ['--admin', 'off', '--limits-keep-alive-timeout', '10m']
  return [
    { name: names.nodeHttp, command: program('node-http.ts') },
    { name: names.fastify, command: program('fastify.ts') },
    {
      name: names.serve,
      command: plimsollServe(new URL('../floor/ping.ts', import.meta.url), { workers: 1, flags }),
    },
  ]
}

async function measure ({ name, command }: IdleSubject, connections: number): Promise<Round> {
  await using server = await startServer(command, { prefix: pinning().all })
  const warm = new HeldConnections()
  await warm.open(server.address, '/ping', 100)
  warm.close()
  await pause(settleMs)
  const empty = treeMemory(server.pid)
  const held = new HeldConnections()
  await held.open(server.address, '/ping', connections)
  await pause(settleMs)
  if (held.lost > 0) throw new Error(`${name} closed ${held.lost} of ${connections} idle connections`)
  const memory = treeMemory(server.pid)
  held.close()
  return { empty, held: memory }
}

function outcome (measured: ReadonlyMap<string, readonly Round[]>, connections: number): BenchmarkOutcome {
  const series = (name: string, value: (round: Round) => number): readonly number[] =>
    (measured.get(name) ?? []).map(value)
  const pss = (round: Round): number => round.held.pss
  const perConnection = (round: Round): number => (round.held.pss - round.empty.pss) / connections
  const mebibytes = (values: readonly number[]): string => (median(values) / 2 ** 20).toFixed(1)
  const rows = [...measured.keys()].map((name) => [
    name,
    mebibytes(series(name, ({ empty }) => empty.pss)),
    mebibytes(series(name, ({ held }) => held.rss)),
    mebibytes(series(name, pss)),
    showRange(ratio(series(name, pss), series(names.nodeHttp, pss))),
    showRange(summarize(series(name, perConnection)), 0),
    showRange(ratio(series(name, perConnection), series(names.nodeHttp, perConnection))),
  ])
  const columns = [
    'subject',
    'empty MiB',
    'RSS MiB',
    'PSS MiB',
    'PSS x node:http',
    'bytes/connection',
    'x node:http',
  ]
  const table: Table = { title: `${showCount(connections)} idle keep-alive connections`, columns, rows }
  return {
    tables: [table],
    checks: [],
    measurements: Object.fromEntries(measured),
    versions: { fastify: packageVersion('fastify') },
    notes: [
      'Memory of all processes of the server; "Plimsoll, served" is a supervisor and one worker. PSS counts a ' +
      'page that processes share once. Bytes a connection: what all connections add, over their number.',
    ],
  }
}
