import type { PhaseWindow } from '../arrivals/index.ts'
import { judgeConduct } from '../health/index.ts'
import { distributionOf, Histogram, type HistogramData } from '../histogram/index.ts'
import type { LoadPlan } from '../plan.ts'
import type {
  Complaint,
  Counts,
  Interval,
  LoadReport,
  OutcomeReport,
  PhaseReport,
  RequestReport,
  ThreadHealth,
} from '../report.ts'
import { defaultHonesty } from './plan-defaults.ts'
import type { OutcomeData } from './recorder.ts'
import { Tally } from './tally.ts'
import type { ThreadResult } from './thread-messages.ts'

/** All that is known at the end of a run. */
export interface RunOutcome {
  readonly plan: LoadPlan
  readonly windows: readonly PhaseWindow[]
  readonly startedAtMs: number
  readonly aborted: boolean
  readonly threads: readonly (ThreadResult | Error)[]
  /** Connections that stood before the run. */
  readonly standing: number
  /** By thread: the core that it was pinned to. */
  readonly cores: readonly (number | undefined)[]
  readonly unpinned: readonly number[]
  readonly timeline: readonly Interval[]
}

/** Joins what the threads counted. */
export function reportOf (outcome: RunOutcome): LoadReport {
  const { plan, windows, startedAtMs, aborted, timeline } = outcome
  const threads = outcome.threads.flatMap((thread) => thread instanceof Error ? [] : [thread])
  const ranMs = Math.max(0, ...threads.map(({ elapsedMs }) => elapsedMs))
  const measuredMs = windows.reduce((sum, window) => sum + measuredOf(window, ranMs), 0)
  const outcomes = threads.flatMap(({ recorded }) => recorded.outcomes)
  const requests = requestReports(threads, outcomes, measuredMs)
  const totals = new Tally()
  for (const { recorded } of threads) for (const [, tally] of recorded.requests) totals.add(tally)
  const answered = outcomes.filter(isAnswer)
  const dispatchLag = distributionOf(merged(threads.map(({ recorded }) => recorded.dispatchLag)))
  const policy = plan.connections
  const verdict = judgeConduct({
    dispatchLag,
    dropped: totals.dropped,
    exhausted: requests
      .flatMap((request) => request.outcomes)
      .reduce((sum, each) => sum + (each.outcome === 'exhausted' ? each.count : 0), 0),
    openPlanned: aborted || policy?.kind !== 'keep-alive' ? 0 : policy.open ?? 0,
    openStanding: outcome.standing,
    lostThreads: outcome.threads.flatMap((thread) => thread instanceof Error ? [thread.message] : []),
    unpinned: outcome.unpinned,
    limits: { ...defaultHonesty, ...plan.honesty },
  })
  return {
    startedAtMs,
    measuredMs,
    aborted,
    verdict,
    totals: countsOf(totals, measuredMs),
    latency: distributionOf(merged(answered.map(({ latency }) => latency))),
    serviceTime: distributionOf(merged(answered.map(({ serviceTime }) => serviceTime))),
    dispatchLag,
    connecting: distributionOf(merged(threads.map(({ recorded }) => recorded.connecting))),
    requests,
    phases: windows.flatMap((window, at) => phaseReport(window, at, threads, ranMs)),
    journeys: {
      started: sum(threads, ({ walks }) => walks.started),
      completed: sum(threads, ({ walks }) => walks.completed),
      broken: sum(threads, ({ walks }) => walks.broken),
      unfinished: sum(threads, ({ walks }) => walks.unfinished),
      complaints: complaintsOf(threads),
    },
    connections: {
      opened: sum(threads, ({ connections }) => connections.opened),
      failed: sum(threads, ({ connections }) => connections.failed),
      reused: sum(threads, ({ connections }) => connections.reused),
      closedIdle: sum(threads, ({ connections }) => connections.closedIdle),
      openAtMost: sum(threads, ({ connections }) => connections.openAtMost),
    },
    timeline,
    health: outcome.threads.flatMap((thread, at) => healthOf(thread, at, outcome.cores[at])),
  }
}

function requestReports (
  threads: readonly ThreadResult[],
  outcomes: readonly OutcomeData[],
  measuredMs: number
): readonly RequestReport[] {
  const tallies = new Map<string, Tally>()
  for (const { recorded } of threads) {
    for (const [name, data] of recorded.requests) {
      let tally = tallies.get(name)
      if (tally === undefined) tallies.set(name, tally = new Tally())
      tally.add(data)
    }
  }
  return [...tallies].map(([name, tally]) => {
    const own = outcomes.filter(({ request }) => request === name)
    const answered = own.filter(isAnswer)
    return {
      name,
      counts: countsOf(tally, measuredMs),
      latency: distributionOf(merged(answered.map(({ latency }) => latency))),
      serviceTime: distributionOf(merged(answered.map(({ serviceTime }) => serviceTime))),
      outcomes: outcomeReports(own),
    }
  })
}

function outcomeReports (outcomes: readonly OutcomeData[]): readonly OutcomeReport[] {
  const alike = Map.groupBy(outcomes, ({ outcome, expected }) => `${outcome} ${expected}`)
  return [...alike.values()].flatMap((parts) => {
    const [first] = parts
    if (first === undefined) return []
    const { outcome, expected } = first
    const latency = distributionOf(merged(parts.map((part) => part.latency)))
    return [{
      outcome,
      group: isAnswer(first) ? `${outcome[0]}xx` as OutcomeReport['group'] : 'failure',
      expected,
      count: latency.count,
      latency,
      serviceTime: distributionOf(merged(parts.map((part) => part.serviceTime))),
    }]
  }).toSorted((one, other) => other.count - one.count)
}

function phaseReport (
  window: PhaseWindow,
  at: number,
  threads: readonly ThreadResult[],
  ranMs: number
): readonly PhaseReport[] {
  if (window.warmUp) return []
  const tally = new Tally()
  const parts = threads.flatMap(({ recorded }) => recorded.phases[at] ?? [])
  for (const part of parts) tally.add(part.tally)
  return [{
    name: window.name,
    startMs: window.startMs,
    durationMs: window.endMs - window.startMs,
    counts: countsOf(tally, measuredOf(window, ranMs)),
    latency: distributionOf(merged(parts.map(({ latency }) => latency))),
  }]
}

function countsOf (tally: Tally, measuredMs: number): Counts {
  const perSecond = (count: number): number => measuredMs === 0 ? 0 : count * 1000 / measuredMs
  const { due, answered, expected, failed, dropped } = tally
  return {
    ...tally.toData(),
    unfinished: due - expected - failed - dropped,
    duePerSecond: perSecond(due),
    answeredPerSecond: perSecond(answered),
    expectedPerSecond: perSecond(expected),
  }
}

/** How long a phase ran, if it counts. */
function measuredOf ({ warmUp, startMs, endMs }: PhaseWindow, ranMs: number): number {
  return warmUp ? 0 : Math.max(0, Math.min(endMs, ranMs) - startMs)
}

function complaintsOf (threads: readonly ThreadResult[]): readonly Complaint[] {
  const all = threads.flatMap(({ recorded }) => recorded.complaints)
  return [...Map.groupBy(all, ({ from, request, message }) => `${from} ${request} ${message}`).values()]
    .flatMap((alike) =>
      alike.slice(0, 1).map((first) => ({ ...first, count: sum(alike, ({ count }) => count) }))
    )
    .toSorted((one, other) => other.count - one.count)
}

function healthOf (
  thread: ThreadResult | Error,
  at: number,
  core: number | undefined
): readonly ThreadHealth[] {
  if (thread instanceof Error) return []
  const { figures, spareMs, elapsedMs } = thread
  return [{ thread: at, ...figures, spareShare: elapsedMs === 0 ? 0 : spareMs / elapsedMs, core }]
}

function isAnswer ({ outcome }: OutcomeData): boolean {
  return /^\d/.test(outcome)
}

function merged (parts: readonly HistogramData[]): Histogram {
  const all = new Histogram()
  for (const part of parts) all.merge(Histogram.from(part))
  return all
}

function sum<T> (items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0)
}
