import {
  Histogram,
  type LoadReport,
  type OutcomeReport,
  type RequestReport,
} from '../../src/plan/load/index.ts'

/** An answer that comes later is of no use to anybody. */
export const goodMs = 250

/** Requests, by what became of them. */
export interface Figures {
  readonly sent: number
  /** Requests a second that were to be sent. */
  readonly offeredPerSecond: number
  /** Answered 200. */
  readonly admitted: number
  /** Answered 200 within `goodMs` of the intended send time. */
  readonly good: number
  readonly goodPerSecond: number
  /** Milliseconds from the intended send time, of those answered 200; `NaN` without any. */
  readonly admittedP50Ms: number
  readonly admittedP99Ms: number
  /** Answered 503, and how soon. */
  readonly refused: number
  readonly refusedP50Ms: number
  readonly refusedP99Ms: number
  /** What became of the others: by status, or why there is no answer. */
  readonly others: Readonly<Record<string, number>>
}

/** What a run came to, of the requests of some names or of all. */
export function figuresOf (
  { requests, measuredMs }: Pick<LoadReport, 'requests' | 'measuredMs'>,
  isOf: (name: string) => boolean = () => true
): Figures {
  const outcomes = requests.filter(({ name }) => isOf(name)).flatMap((request: RequestReport) =>
    request.outcomes
  )
  const admitted = merged(outcomes.filter(({ outcome }) => outcome === '200'))
  const refused = merged(outcomes.filter(({ outcome }) => outcome === '503'))
  const others: Record<string, number> = {}
  for (const { outcome, count } of outcomes) {
    if (outcome !== '200' && outcome !== '503') others[outcome] = (others[outcome] ?? 0) + count
  }
  const sent = outcomes.reduce((sum, { count }) => sum + count, 0)
  const good = admitted.countAtMost(goodMs)
  return {
    sent,
    offeredPerSecond: sent * 1000 / measuredMs,
    admitted: admitted.count,
    good,
    goodPerSecond: good * 1000 / measuredMs,
    admittedP50Ms: admitted.quantileMs(0.5),
    admittedP99Ms: admitted.quantileMs(0.99),
    refused: refused.count,
    refusedP50Ms: refused.quantileMs(0.5),
    refusedP99Ms: refused.quantileMs(0.99),
    others,
  }
}

/** Of those that were not served: the share that was told so. 1 when all were served. */
export function answeredShare ({ sent, admitted, refused }: Figures): number {
  return sent === admitted ? 1 : refused / (sent - admitted)
}

/** Joins what several rounds came to; percentiles are left to the rounds. */
export function sumOfOthers (rounds: readonly Figures[]): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {}
  for (const { others } of rounds) {
    for (const [name, count] of Object.entries(others)) sum[name] = (sum[name] ?? 0) + count
  }
  return sum
}

function merged (outcomes: readonly OutcomeReport[]): Histogram {
  const all = new Histogram()
  for (const { latency } of outcomes) all.merge(Histogram.from(latency.histogram))
  return all
}
