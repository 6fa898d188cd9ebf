import { Redis } from 'ioredis'
import { setTimeout as pause } from 'node:timers/promises'
import {
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  interleave,
  median,
  packageVersion,
  quantile,
  type Server,
  showCount,
} from '../harness/index.ts'
import { SharedRedis } from '../limiter/shared-redis.ts'
import { HttpClient } from './http.ts'
import { type Purged, purging } from './purging.ts'
import { type Stampede, stampede } from './stampede.ts'
import { handlerMs, startWorkers, type SubjectName, titles, workerCount } from './subjects.ts'

const requests = 1_000
const readersEach = 2

/** What a purge takes over a fleet, and how often a handler runs when everybody asks for the same. */
export const purge: Benchmark = {
  name: 'purge',
  summary:
    'a purge over four workers: until all have acknowledged, and stale bytes after; 1,000 misses of one key',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    await using redis = await SharedRedis.start()
    const database = new Redis({ port: redis.port })
    const fleets = new Map<SubjectName, readonly Server[]>()
    try {
      for (const name of ['fleet', 'dedupe', 'aside'] as const) {
        fleets.set(name, await startWorkers(name, redis.port))
      }
      const workers = fleets.get('fleet') ?? []
      await untilMembers(workers)
      say('purging')
      await purging(workers, database, 20, readersEach)
      const purged = await purging(workers, database, quick ? 50 : 500, readersEach)
      let key = 0
      const rush = async (name: SubjectName): Promise<Stampede> => {
        const result = await stampede(fleets.get(name) ?? [], database, requests, `slow-${name}-${key++}`)
        say(`${titles[name]}: ${result.handlerRuns} runs, ${result.lastMs.toFixed(0)} ms`)
        return result
      }
      await interleave([...fleets.keys()], 1, rush)
      const rushes = await interleave([...fleets.keys()], quick ? 3 : 15, rush)
      return outcome(purged, rushes)
    } finally {
      await Promise.all([...fleets.values()].flat().map((server) => server.stop()))
      database.disconnect()
    }
  },
}

/** Until every worker is a member, and those that a new Redis may not know of have lapsed. */
async function untilMembers (workers: readonly Server[]): Promise<void> {
  using client = new HttpClient()
  for (const { address } of workers) {
    while (!(await client.json<{ current: boolean }>(address, 'GET', '/current')).current) await pause(20)
  }
  const [first] = workers
  if (first !== undefined) await client.json(first.address, 'POST', '/purge/hot?soft=0')
}

function outcome (
  purged: readonly Purged[],
  rushes: ReadonlyMap<SubjectName, readonly Stampede[]>
): BenchmarkOutcome {
  const of = (what: keyof Purged): readonly number[] => purged.map((each) => each[what])
  const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0)
  const row = (title: string, values: readonly number[]): readonly string[] => [
    title,
    ...[median(values), quantile(values, 0.99), Math.max(...values)].map((ms) => ms.toFixed(1)),
  ]
  const runs = (name: SubjectName): readonly number[] =>
    (rushes.get(name) ?? []).map(({ handlerRuns }) => handlerRuns)
  return {
    tables: [
      {
        title: `${showCount(purged.length)} purges over ${workerCount} workers, ${
          showCount(sum(of('reads')))
        } reads`,
        columns: ['from the call, in ms', 'median', 'p99', 'worst'],
        rows: [
          row('until the last worker has acknowledged', of('acknowledgedMs')),
          row('until the last stale byte', of('lastStaleMs')),
        ],
      },
      {
        title: `${showCount(requests)} requests at once for one missing key, over ${workerCount} workers`,
        columns: ['subject', 'handler runs', 'worst', 'last answer ms', 'failed'],
        rows: [...rushes].map(([name, results]) => [
          titles[name],
          showCount(median(runs(name))),
          showCount(Math.max(...runs(name))),
          median(results.map(({ lastMs }) => lastMs)).toFixed(0),
          showCount(sum(results.map(({ failed }) => failed))),
        ]),
      },
    ],
    checks: [
      atMost(
        'purge: until all workers have acknowledged, p99',
        quantile(of('acknowledgedMs'), 0.99),
        'ms',
        50
      ),
      atMost('purge: until the last stale byte, p99', quantile(of('lastStaleMs'), 0.99), 'ms', 50),
      atMost('purge: stale answers after the acknowledgement', sum(of('staleAfter')), 'answers', 0),
      atMost('purge: handler runs for one missing key, worst round', Math.max(...runs('fleet')), 'runs', 1),
      atMost(
        'purge: requests that failed in the rush',
        sum((rushes.get('fleet') ?? []).map(({ failed }) => failed)),
        'requests',
        0
      ),
    ],
    measurements: { purged, rushes: [...rushes] },
    versions: { fastify: packageVersion('fastify'), ioredis: packageVersion('ioredis') },
    notes: [
      `Four processes stand for two machines with two workers each: every one has a memory of its own, and all share one ` +
      `Redis. Each is read over ${readersEach} connections without a pause; the readers, the workers and Redis share the ` +
      "machine, so a time holds its scheduler's part. Soft and hard purges take turns.",
      'A stale answer after the acknowledgement is one of an old version to a request that was begun after the receipt ' +
      'had come. The last stale byte is counted from the call, by when its last byte was read.',
      `The handler takes ${handlerMs} ms. The other two are written out by hand: a map of promises in each process, and a ` +
      'look into Redis before and a write after.',
    ],
  }
}
