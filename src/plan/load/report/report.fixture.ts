import { distributionOf, Histogram } from '../histogram/index.ts'
import type { Distribution } from '../histogram/index.ts'
import type { Counts, FailureKind, LoadReport, OutcomeReport, RequestReport } from '../report.ts'

/** Requests of one name: by outcome, how long each took from its intended time. Service time is half of it. */
export type MadeRequests = {
  readonly [outcome in `${number}` | FailureKind]?: readonly number[]
}

/** A valid report over 10 s of requests that ended as given; statuses below 400 are good. */
export function madeReport (
  requests: Readonly<Record<string, MadeRequests>>,
  changes: Partial<LoadReport> = {}
): LoadReport {
  const made = Object.entries(requests).map(([name, outcomes]) => requestOf(name, outcomes))
  const answers = Object.values(requests).flatMap((outcomes) => answeredIn(outcomes))
  return {
    startedAtMs: 1_763_856_000_000,
    measuredMs: 10_000,
    aborted: false,
    verdict: { state: 'valid', reasons: [] },
    totals: sumOf(made.map(({ counts }) => counts)),
    latency: distribution(answers),
    serviceTime: distribution(answers.map((ms) => ms / 2)),
    dispatchLag: distribution([0.02, 0.4]),
    connecting: distribution([0.3]),
    requests: made,
    phases: [],
    journeys: {
      started: answers.length,
      completed: answers.length,
      broken: 0,
      unfinished: 0,
      complaints: [],
    },
    connections: { opened: 2, failed: 0, reused: 0, closedIdle: 0, openAtMost: 2 },
    timeline: [],
    health: [],
    ...changes,
  }
}

function requestOf (name: string, outcomes: MadeRequests): RequestReport {
  const answers = answeredIn(outcomes)
  const reports = Object.entries(outcomes).map(([outcome, times = []]): OutcomeReport => {
    const status = Number(outcome)
    return {
      outcome: outcome as OutcomeReport['outcome'],
      group: Number.isNaN(status) ? 'failure' : `${Math.floor(status / 100)}xx` as OutcomeReport['group'],
      expected: status < 400,
      count: times.length,
      latency: distribution(times),
      serviceTime: distribution(times.map((ms) => ms / 2)),
    }
  })
  const due = reports.reduce((sum, { count }) => sum + count, 0)
  const expected = reports.reduce((sum, each) => sum + (each.expected ? each.count : 0), 0)
  return {
    name,
    counts: {
      due,
      answered: answers.length,
      expected,
      failed: due - expected,
      dropped: 0,
      unfinished: 0,
      duePerSecond: due / 10,
      answeredPerSecond: answers.length / 10,
      expectedPerSecond: expected / 10,
      bytesSent: due * 100,
      bytesReceived: answers.length * 1_000,
    },
    latency: distribution(answers),
    serviceTime: distribution(answers.map((ms) => ms / 2)),
    outcomes: reports,
  }
}

function answeredIn (outcomes: MadeRequests): number[] {
  return Object.entries(outcomes).flatMap(([outcome, times = []]) =>
    Number.isNaN(Number(outcome)) ? [] : times
  )
}

function sumOf (counts: readonly Counts[]): Counts {
  const sum = (of: (each: Counts) => number): number => counts.reduce((total, each) => total + of(each), 0)
  return {
    due: sum(({ due }) => due),
    answered: sum(({ answered }) => answered),
    expected: sum(({ expected }) => expected),
    failed: sum(({ failed }) => failed),
    dropped: 0,
    unfinished: 0,
    duePerSecond: sum(({ duePerSecond }) => duePerSecond),
    answeredPerSecond: sum(({ answeredPerSecond }) => answeredPerSecond),
    expectedPerSecond: sum(({ expectedPerSecond }) => expectedPerSecond),
    bytesSent: sum(({ bytesSent }) => bytesSent),
    bytesReceived: sum(({ bytesReceived }) => bytesReceived),
  }
}

function distribution (times: readonly number[]): Distribution {
  const histogram = new Histogram()
  for (const ms of times) histogram.record(ms)
  return distributionOf(histogram)
}

/** Times in an even row: `evenly(100, 10)` is 10, 20, ... 1,000. */
export function evenly (count: number, stepMs: number): number[] {
  return Array.from({ length: count }, (_, index) => (index + 1) * stepMs)
}
