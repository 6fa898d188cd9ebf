import { Histogram } from '../histogram/index.ts'
import type { Interval, LoadProgress } from '../report.ts'
import type { ThreadInterval } from './thread-messages.ts'

/** Longer runs get longer intervals. */
const atMostIntervals = 600

type Totals = LoadProgress['totals']
type Failures = LoadProgress['failures']

/** What is gathered of one stretch of time. */
interface Gathering {
  endMs: number
  due: number
  answered: number
  expected: number
  failed: number
  dropped: number
  inFlight: number
  openConnections: number
  readonly failures: Record<string, number>
  readonly latency: Histogram
  readonly lag: Histogram
}

/**
 * Joins the threads' seconds: each second of all of them is told as soon as the last thread has sent its own,
 * and the run's intervals are made of as many seconds as keep them few.
 */
export class Timeline {
  readonly #secondsEach: number
  readonly #onSecond: (interval: Interval, totals: Totals, failures: Failures) => void
  /** By the number of the second. */
  readonly #seconds = new Map<number, Gathering>()
  readonly #sent: number[]
  readonly #intervals: Interval[] = []
  #told = 0
  #secondEndMs = 0
  #open: Gathering | undefined
  #openSeconds = 0
  #openStartMs = 0
  readonly #failures: Record<string, number> = {}
  readonly #totals = { due: 0, answered: 0, expected: 0, failed: 0, dropped: 0 }

  constructor (
    threads: number,
    plannedMs: number,
    onSecond: (interval: Interval, totals: Totals, failures: Failures) => void
  ) {
    this.#secondsEach = Math.max(1, Math.ceil(plannedMs / 1000 / atMostIntervals))
    this.#onSecond = onSecond
    this.#sent = Array.from({ length: threads }, () => 0)
  }

  /** @param isLast the thread sends no more: it counts as nothing in the seconds that the others have left */
  add (thread: number, interval: ThreadInterval, isLast: boolean): void {
    const second = this.#sent[thread] ?? 0
    this.#sent[thread] = isLast ? Infinity : second + 1
    let gathering = this.#seconds.get(second)
    if (gathering === undefined) this.#seconds.set(second, gathering = gatheringOf())
    addTo(gathering, interval)
    this.#tell()
  }

  /** A thread that has ended without a word. */
  leave (thread: number): void {
    this.#sent[thread] = Infinity
    this.#tell()
  }

  /** All intervals so far. */
  finish (): readonly Interval[] {
    this.#closeOpen()
    return this.#intervals
  }

  #tell (): void {
    for (;;) {
      const gathering = this.#seconds.get(this.#told)
      if (gathering === undefined || this.#sent.some((sent) => sent <= this.#told)) return
      this.#seconds.delete(this.#told++)
      for (const name of ['due', 'answered', 'expected', 'failed', 'dropped'] as const) {
        this.#totals[name] += gathering[name]
      }
      for (const [outcome, count] of Object.entries(gathering.failures)) {
        this.#failures[outcome] = (this.#failures[outcome] ?? 0) + count
      }
      const interval = intervalOf(gathering, this.#secondEndMs)
      this.#onSecond(interval, { ...this.#totals }, { ...this.#failures })
      this.#secondEndMs = gathering.endMs
      this.#join(gathering)
    }
  }

  #join (second: Gathering): void {
    this.#open ??= gatheringOf()
    const open = this.#open
    for (const name of ['due', 'answered', 'expected', 'failed', 'dropped'] as const)
      open[name] += second[name]
    open.latency.merge(second.latency)
    open.lag.merge(second.lag)
    open.endMs = second.endMs
    open.inFlight = second.inFlight
    open.openConnections = second.openConnections
    if (++this.#openSeconds >= this.#secondsEach) this.#closeOpen()
  }

  #closeOpen (): void {
    if (this.#open === undefined) return
    this.#intervals.push(intervalOf(this.#open, this.#openStartMs))
    this.#openStartMs = this.#open.endMs
    this.#open = undefined
    this.#openSeconds = 0
  }
}

function gatheringOf (): Gathering {
  return {
    endMs: 0,
    due: 0,
    answered: 0,
    expected: 0,
    failed: 0,
    dropped: 0,
    inFlight: 0,
    openConnections: 0,
    failures: {},
    latency: new Histogram(),
    lag: new Histogram(),
  }
}

function addTo (gathering: Gathering, interval: ThreadInterval): void {
  gathering.endMs = Math.max(gathering.endMs, interval.endMs)
  for (
    const name of ['due', 'answered', 'expected', 'failed', 'dropped', 'inFlight', 'openConnections'] as const
  ) gathering[name] += interval[name]
  for (const [outcome, count] of Object.entries(interval.failures)) {
    gathering.failures[outcome] = (gathering.failures[outcome] ?? 0) + count
  }
  gathering.latency.merge(Histogram.from(interval.latency))
  gathering.lag.merge(Histogram.from(interval.lag))
}

function intervalOf (gathering: Gathering, startMs: number): Interval {
  const { due, answered, expected, failed, inFlight, openConnections, latency, lag, endMs } = gathering
  return {
    atMs: startMs,
    durationMs: endMs - startMs,
    due,
    answered,
    expected,
    failed,
    inFlight,
    openConnections,
    p50Ms: latency.quantileMs(0.5),
    p99Ms: latency.quantileMs(0.99),
    lagP99Ms: lag.quantileMs(0.99),
  }
}
