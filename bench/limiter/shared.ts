import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/kernel/index.ts'
import {
  atLeast,
  atMost,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  installPeers,
  interleave,
  median,
  packageVersion,
} from '../harness/index.ts'
import { SharedRedis } from './shared-redis.ts'
import { sharedNames, type SharedSubjectName, sharedTitles } from './shared-subjects.ts'
import type { WorkerOrder, WorkerReport } from './shared-worker-main.ts'

const workers = 4
const lanes = 16
/** Leases' share and life, and the bound of a round trip, as they are by default. */
const leaseShare = 0.1
const timeoutSeconds = 0.05
const returnSeconds = 1

type Outage = 'none' | 'paused' | 'killed'

interface Run {
  readonly decisionsPerSecond: number
  readonly tripsPerDecision: number
  readonly admitted: number
  /** Requests admitted, in some stretch of time, above burst + rate * time. */
  readonly overshoot: number
  readonly longestWaitMs: number
}

interface Limits {
  readonly burst: number
  readonly perSecond: number
  readonly pauseMs: number
}

/** High enough to admit all: what a decision costs. */
const wide: Limits = { burst: 1_000_000, perSecond: 1_000_000, pauseMs: 0 }
/** Low enough to refuse most of what is offered (about ten times as much): what is admitted. */
const narrow: Limits = { burst: 2_000, perSecond: 2_000, pauseMs: 2 }

/** Limits that four processes share through one Redis: cost of a decision, and what is admitted against the bound. */
export async function sharedLimiter ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
  installPeers(say)
  const [rounds, ms] = quick ? [1, 1_000] : [3, 3_000]
  const outageMs = quick ? 3_000 : 9_000
  const plain = sharedNames.filter((name) => name !== 'insured')
  const measure = (limits: Limits, outage: Outage, runMs: number) => async (subject: SharedSubjectName) => {
    const run = await hammerTogether(subject, limits, outage, runMs)
    say(
      `${sharedTitles[subject]}, ${limits.perSecond}/s, outage ${outage}: ` +
        `${Math.round(run.decisionsPerSecond)} decisions/s, over by ${run.overshoot.toFixed(0)}`
    )
    return run
  }
  const cost = await interleave(plain, rounds, measure(wide, 'none', ms))
  const bound = await interleave(plain, rounds, measure(narrow, 'none', ms))
  const paused = await interleave(['leased'] as const, quick ? 1 : 3, measure(narrow, 'paused', outageMs))
  const killed = await interleave(
    ['leased', 'insured'] as const,
    quick ? 1 : 3,
    measure(narrow, 'killed', outageMs)
  )
  return outcome({ cost, bound, paused, killed })
}

async function hammerTogether (
  subject: SharedSubjectName,
  limits: Limits,
  outage: Outage,
  ms: number
): Promise<Run> {
  await using redis = await SharedRedis.start()
  const children = Array.from(
    { length: workers },
    () =>
      fork(new URL('./shared-worker-main.ts', import.meta.url), {
        execArgv: ['--conditions=plimsoll-source'],
        serialization: 'advanced',
      })
  )
  try {
    const order: WorkerOrder = { subject, port: redis.port, prefix: 'bench', lanes, ms, ...limits }
    await Promise.all(children.map(async (child) => {
      child.send(order)
      await once(child, 'message')
    }))
    // Until each has said that it lives, and heard of the others.
    await pause(3_000)
    const before = await redis.scripts()
    const startAtMs = systemClock.epochMs() + 200
    const reports = Promise.all(children.map((child) => hammered(child, startAtMs)))
    if (outage !== 'none') {
      await pause(200 + ms / 3)
      await (outage === 'paused' ? redis.pausedFor(ms / 3) : redis.goneFor(ms / 3))
    }
    return summed(await reports, limits, ms, await redis.scripts() - before)
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

async function hammered (child: ChildProcess, startAtMs: number): Promise<WorkerReport> {
  child.send(startAtMs)
  const [report] = await once(child, 'message') as [WorkerReport]
  return report
}

function summed (
  reports: readonly WorkerReport[],
  { burst, perSecond }: Limits,
  ms: number,
  trips: number
): Run {
  const decisions = reports.reduce((sum, report) => sum + report.decisions, 0)
  return {
    decisionsPerSecond: decisions / ms * 1_000,
    tripsPerDecision: trips / decisions,
    admitted: reports.reduce((sum, { admitted }) => sum + admitted, 0),
    overshoot: overshootOf(reports.flatMap(({ admittedAtMs }) => [...admittedAtMs]), burst, perSecond),
    longestWaitMs: Math.max(...reports.map(({ longestWaitMs }) => longestWaitMs)),
  }
}

/** The most by which any stretch of time holds more than `burst + rate * time`: one bucket over all of them. */
function overshootOf (timesMs: readonly number[], burst: number, perSecond: number): number {
  let used = 0
  let lastMs = 0
  let worst = 0
  for (const atMs of timesMs.toSorted((one, other) => one - other)) {
    used = Math.max(0, used - (atMs - lastMs) / 1_000 * perSecond) + 1
    lastMs = atMs
    worst = Math.max(worst, used - burst)
  }
  return worst
}

type Runs = ReadonlyMap<SharedSubjectName, readonly Run[]>

function outcome (
  { cost, bound, paused, killed }: { cost: Runs; bound: Runs; paused: Runs; killed: Runs }
): BenchmarkOutcome {
  // As handlers see it: what the ledger gave may be acted on a round trip's bound later.
  const stated = leaseShare * narrow.burst + narrow.perSecond * timeoutSeconds
  const statedOutage = stated + 2 * narrow.burst + narrow.perSecond * returnSeconds
  const of = (runs: Runs, name: SharedSubjectName, what: keyof Run): number =>
    median((runs.get(name) ?? []).map((run) => run[what]))
  const worst = (runs: Runs, what: keyof Run): number =>
    Math.max(Number.NEGATIVE_INFINITY, ...(runs.get('leased') ?? []).map((run) => run[what]))
  const row = (runs: Runs, outage: Outage) => (name: SharedSubjectName): string[] => [
    sharedTitles[name],
    outage,
    of(runs, name, 'admitted').toFixed(0),
    Math.max(...(runs.get(name) ?? []).map(({ overshoot }) => overshoot)).toFixed(0),
    name === 'leased' ? (outage === 'none' ? stated : statedOutage).toFixed(0) : 'none stated',
    of(runs, name, 'longestWaitMs').toFixed(0),
  ]
  return {
    tables: [
      {
        title: `Limiter, ${workers} processes and one Redis: cost of a decision on one busy key`,
        columns: ['subject', 'decisions/s', 'round trips a decision'],
        rows: [...cost.keys()].map((name) => [
          sharedTitles[name],
          of(cost, name, 'decisionsPerSecond').toFixed(0),
          of(cost, name, 'tripsPerDecision').toFixed(4),
        ]),
      },
      {
        title: `Limiter, ${workers} processes and one Redis: admitted of a limit of ${narrow.perSecond}/s`,
        columns: ['subject', 'outage', 'admitted', 'worst overshoot', 'stated', 'longest wait (ms)'],
        rows: [
          ...[...bound.keys()].map(row(bound, 'none')),
          ...[...paused.keys()].map(row(paused, 'paused')),
          ...[...killed.keys()].map(row(killed, 'killed')),
        ],
      },
    ],
    checks: [
      atMost('limiter, shared: overshoot', worst(bound, 'overshoot'), 'requests', stated),
      atMost(
        'limiter, shared: overshoot, Redis paused',
        worst(paused, 'overshoot'),
        'requests',
        statedOutage
      ),
      atMost(
        'limiter, shared: overshoot, Redis killed',
        worst(killed, 'overshoot'),
        'requests',
        statedOutage
      ),
      atMost(
        'limiter, shared: round trips a decision',
        of(cost, 'leased', 'tripsPerDecision'),
        'ratio',
        0.05
      ),
      atLeast(
        'limiter, shared: decisions/s against rate-limiter-flexible',
        of(cost, 'leased', 'decisionsPerSecond') / of(cost, 'flexible', 'decisionsPerSecond'),
        'ratio',
        5
      ),
    ],
    measurements: {
      cost: [...cost],
      bound: [...bound],
      paused: [...paused],
      killed: [...killed],
    },
    versions: {
      ioredis: packageVersion('ioredis'),
      'rate-limiter-flexible': packageVersion('rate-limiter-flexible'),
    },
    notes: [
      `Each of ${workers} processes decides ${lanes} requests at a time on one key, as fast as it can. The ` +
      'overshoot is what any stretch of time holds above burst + rate * time, burst and rate being the limit; a ' +
      'fixed window of one second (rate-limiter-flexible) may hold twice its points in such a stretch by design.',
      'Stated: the leases, and what may be on its way for 50 ms; with an outage one burst when it begins, one when ' +
      'it ends, and a second of the rate while workers return one by one.',
      'In an outage Redis is away for the middle third of the run; killed, it comes back with nothing.',
    ],
  }
}
