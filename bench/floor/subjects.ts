import { fileURLToPath } from 'node:url'
import {
  type Address,
  peersFolder,
  plimsollAddress,
  plimsollServe,
  type ServerCommand,
} from '../harness/index.ts'
import type { OtlpSink, SpanCounts } from './otlp-sink.ts'

/** What a subject says it does, and the verification holds it to. */
export interface Duties {
  readonly requestIds?: boolean
  readonly metrics?: boolean
  readonly tracing?: boolean
  readonly problems?: boolean
  /** Requests are counted against a limit, and told so. */
  readonly limits?: boolean
}

/** One program that serves `GET /ping`. */
export interface FloorSubject {
  readonly name: string
  readonly duties: Duties
  readonly command: ServerCommand
  /** Sees the lines that the server prints. */
  readonly onLine?: (line: string) => void
  /** Spans and traces that the subject has exported. */
  readonly spans?: (address: Address) => Promise<SpanCounts>
  /** @returns the metrics in Prometheus text */
  readonly metrics?: (address: Address) => Promise<string>
}

const all: Duties = { requestIds: true, metrics: true, tracing: true, problems: true, limits: true }

export const floorNames = {
  nodeHttp: 'node:http',
  fastify: 'Fastify',
  otel: 'Fastify + @fastify/otel',
  plugins: 'Fastify + plugins',
  plugin: 'Plimsoll, registered',
  serve: 'Plimsoll, served',
} as const

/** @param sink collects the spans of the subject that sends them away */
export function floorSubjects (sink: OtlpSink): readonly FloorSubject[] {
  return [
    { name: floorNames.nodeHttp, duties: {}, command: program('node-http.ts') },
    { name: floorNames.fastify, duties: {}, command: program('fastify-bare.ts') },
    {
      name: floorNames.otel,
      duties: { tracing: true },
      command: peer('floor-otel.js'),
      spans: spansByRoute,
    },
    {
      name: floorNames.plugins,
      duties: all,
      command: peer('floor-plugins.js'),
      spans: spansByRoute,
      metrics: metricsByRoute,
    },
    {
      name: floorNames.plugin,
      duties: all,
      command: program('plimsoll-plugin.ts'),
      spans: spansByRoute,
      metrics: metricsByRoute,
    },
    servedSubject(sink),
  ]
}

/** The same routes by `plimsoll serve`: its spans go out over OTLP, its metrics stand on the admin port. */
function servedSubject (sink: OtlpSink): FloorSubject {
  let admin: Address | undefined
  const flags = ['--admin', '127.0.0.1:0', '--trace-sample', '0.01', '--trace-otlp', sink.url]
  return {
    name: floorNames.serve,
    duties: all,
    command: plimsollServe(new URL('ping.ts', import.meta.url), { workers: 1, flags }),
    onLine (line) {
      admin = plimsollAddress(line, 'admin-listening') ?? admin
    },
    spans: async () => sink.counts,
    async metrics () {
      if (admin === undefined) throw new Error('`plimsoll serve --json` did not tell the admin address')
      return get(admin, '/metrics')
    },
  }
}

async function spansByRoute (address: Address): Promise<SpanCounts> {
  return JSON.parse(await get(address, '/bench/spans')) as SpanCounts
}

async function metricsByRoute (address: Address): Promise<string> {
  return get(address, '/metrics')
}

async function get ({ host, port }: Address, path: string): Promise<string> {
  const response = await fetch(`http://${host}:${port}${path}`)
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}`)
  return response.text()
}

function program (file: string): ServerCommand {
  return node(fileURLToPath(new URL(file, import.meta.url)))
}

function peer (file: string): ServerCommand {
  return node(`${peersFolder}/${file}`)
}

function node (file: string): ServerCommand {
  return {
    argv: [process.execPath, '--conditions=plimsoll-source', '--disable-warning=ExperimentalWarning', file],
  }
}
