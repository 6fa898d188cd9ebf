import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  interleave,
  median,
  packageVersion,
  pinning,
  plimsollServe,
  ratio,
  type ServerCommand,
  showRange,
  startServer,
} from '../harness/index.ts'
import { InstalledCopy } from './installed.ts'

interface StartSubject {
  readonly name: string
  readonly path: string
  readonly command: ServerCommand
}

const names = {
  nodeHttp: 'node:http',
  fastify: 'Fastify',
  installed: 'Plimsoll, installed',
  sources: 'Plimsoll, from its sources',
} as const

/** How long a service is away: from the start of its process to its first answer. */
export const start: Benchmark = {
  name: 'start',
  summary: 'process start to first answer of examples/minimal, against node:http and Fastify',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    say('building a copy as it is installed')
    using copy = new InstalledCopy()
    const all = subjects(copy)
    // The first start of each fills the file cache and the compile cache, as on any machine but a new one.
    for (const subject of all) await measure(subject)
    const measured = await interleave(all, quick ? 3 : 15, async (subject, round) => {
      const tookMs = await measure(subject)
      say(`round ${round + 1}: ${subject.name} ${tookMs.toFixed(0)} ms`)
      return tookMs
    })
    return outcome(new Map([...measured].map(([{ name }, rounds]) => [name, rounds])))
  },
}

function subjects (copy: InstalledCopy): readonly StartSubject[] {
  const program = (file: string): ServerCommand => ({
    argv: [process.execPath, fileURLToPath(new URL(`../floor/${file}`, import.meta.url))],
  })
  const minimal = new URL('../../examples/minimal/service.ts', import.meta.url)
  const serve = { workers: 1, flags: ['--admin', 'off'] }
  return [
    { name: names.nodeHttp, path: '/ping', command: program('node-http.ts') },
    { name: names.fastify, path: '/ping', command: program('fastify-bare.ts') },
    {
      name: names.installed,
      path: '/',
      command: plimsollServe(pathToFileURL(copy.minimal), { ...serve, command: copy.command }),
    },
    { name: names.sources, path: '/', command: plimsollServe(minimal, serve) },
  ]
}

/** @returns milliseconds of wall time */
async function measure ({ path, command }: StartSubject): Promise<number> {
  const startedMs = performance.now()
  await using server = await startServer(command, { prefix: pinning().all })
  const { host, port } = server.address
  const response = await fetch(`http://${host}:${port}${path}`, { headers: { connection: 'close' } })
  await response.arrayBuffer()
  const tookMs = performance.now() - startedMs
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}`)
  await server.stop()
  await pause(100) // what its end costs does not count into the next start
  return tookMs
}

function outcome (measured: ReadonlyMap<string, readonly number[]>): BenchmarkOutcome {
  const series = (name: string): readonly number[] => measured.get(name) ?? []
  const rows = [...measured.keys()].map((name) => [
    name,
    median(series(name)).toFixed(0),
    showRange(ratio(series(name), series(names.nodeHttp))),
    showRange(ratio(series(name), series(names.fastify))),
  ])
  return {
    tables: [{
      title: 'Start to first answer',
      columns: ['subject', 'ms', 'x node:http', 'x Fastify'],
      rows,
    }],
    checks: [],
    measurements: Object.fromEntries(measured),
    versions: { fastify: packageVersion('fastify') },
    notes: [
      'Wall time from the start of the process to the last byte of its first answer; a warm file cache.',
    ],
  }
}
