import { type Distribution, Histogram } from '../histogram/index.ts'
import type { Counts, LoadReport, OutcomeReport } from '../report.ts'
import type { Figures, Latency } from './judge.ts'

/**
 * What thresholds look at, of all requests of a run or of those of one name.
 *
 * @returns `undefined` when no request has the name
 */
export function figuresOf (report: LoadReport, request?: string): Figures | undefined {
  if (request === undefined) {
    const { totals, latency, serviceTime } = report
    return build(
      { counts: totals, latency, serviceTime },
      report.requests.flatMap(({ outcomes }) => outcomes)
    )
  }
  const found = report.requests.find(({ name }) => name === request)
  return found === undefined ? undefined : build(found, found.outcomes)
}

interface Measured {
  readonly counts: Counts
  readonly latency: Distribution
  readonly serviceTime: Distribution
}

function build ({ counts, latency, serviceTime }: Measured, outcomes: readonly OutcomeReport[]): Figures {
  const { due, answered, failed, expected, dropped, expectedPerSecond, unfinished } = counts
  const known = due - unfinished
  const unanswered = known - answered
  const good = outcomes.filter(({ expected }) => expected).map((each) =>
    Histogram.from(each.latency.histogram)
  )
  return {
    count: known,
    errors: failed + dropped,
    unanswered,
    goodPerSecond: expected === 0 ? 0 : expectedPerSecond,
    latency: { intended: latencyOf(latency, unanswered), service: latencyOf(serviceTime, unanswered) },
    goodWithin: (ms) => good.reduce((sum, histogram) => sum + histogram.countAtMost(ms), 0),
  }
}

/**
 * A request without an answer is slower than any that has one: leaving it out would make a service look the
 * faster the more of its clients it lets down.
 */
function latencyOf ({ histogram: data, maxMs, meanMs }: Distribution, unanswered: number): Latency {
  const histogram = Histogram.from(data)
  const all = histogram.count + unanswered
  return {
    mean: unanswered > 0 ? Infinity : meanMs,
    max: unanswered > 0 ? Infinity : maxMs,
    quantile (q) {
      if (all === 0) return NaN
      const rank = Math.max(1, Math.ceil(q * all))
      return rank > histogram.count ? Infinity : histogram.quantileMs(rank / histogram.count)
    },
  }
}
