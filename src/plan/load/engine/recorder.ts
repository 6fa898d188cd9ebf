import { Histogram, type HistogramData } from '../histogram/index.ts'
import type { Complaint, FailureKind } from '../report.ts'
import { Tally, type TallyData } from './tally.ts'

/** A status, or why there is none. */
export type OutcomeName = `${number}` | FailureKind

export interface OutcomeData {
  readonly request: string
  readonly outcome: OutcomeName
  readonly expected: boolean
  readonly latency: HistogramData
  readonly serviceTime: HistogramData
}

/** What one thread counted; plain data. */
export interface RecordedData {
  readonly requests: readonly (readonly [name: string, TallyData])[]
  readonly outcomes: readonly OutcomeData[]
  /** In the order of the phases. */
  readonly phases: readonly { readonly tally: TallyData; readonly latency: HistogramData }[]
  readonly dispatchLag: HistogramData
  readonly connecting: HistogramData
  readonly complaints: readonly Complaint[]
}

/** One stretch of time of one thread; plain data. */
export interface IntervalData {
  readonly due: number
  readonly answered: number
  readonly expected: number
  readonly failed: number
  readonly dropped: number
  /** How often each unexpected outcome. */
  readonly failures: Readonly<Record<string, number>>
  readonly latency: HistogramData
  readonly lag: HistogramData
}

/** Where an outcome is counted. */
interface OutcomeSlot {
  readonly latency: Histogram
  readonly serviceTime: Histogram
}

/** What is counted for the requests of one name. */
export class RequestRecord {
  readonly name: string
  readonly tally: Tally = new Tally()
  /** By outcome, those that were expected apart from those that were not. */
  readonly expected: Map<number | FailureKind, OutcomeSlot> = new Map()
  readonly unexpected: Map<number | FailureKind, OutcomeSlot> = new Map()

  constructor (name: string) {
    this.name = name
  }
}

/** An exchange, as far as it is counted. */
export interface Counted {
  readonly record: RequestRecord
  /** Index of the phase that its journey arrived in. */
  readonly phase: number
}

/** How a counted exchange ended. */
export interface Ending {
  readonly outcome: number | FailureKind
  readonly expected: boolean
  readonly latencyMs: number
  /** `NaN` for what was never sent. */
  readonly serviceMs: number
  readonly bytesReceived: number
}

const maximumComplaints = 20
/** Names made by code can be endless; the rest is counted together. */
const maximumNames = 500
const otherNames = '(other names)'
const otherComplaints = '(other complaints)'

/** Counts, in memory that does not grow with the number of requests. */
export class Recorder {
  readonly #requests = new Map<string, RequestRecord>()
  readonly #phases: readonly {
    readonly warmUp: boolean
    readonly tally: Tally
    readonly latency: Histogram
  }[]
  readonly #lag = new Histogram()
  readonly #connecting = new Histogram()
  readonly #complaints = new Map<string, Complaint>()
  #interval = new Tally()
  readonly #intervalFailures = new Map<number | FailureKind, number>()
  readonly #intervalLatency = new Histogram()
  readonly #intervalLag = new Histogram()

  /** @param warmUps of each phase, whether it is left out of the figures */
  constructor (warmUps: readonly boolean[]) {
    this.#phases = warmUps.map((warmUp) => ({ warmUp, tally: new Tally(), latency: new Histogram() }))
  }

  record (name: string): RequestRecord {
    const known = this.#requests.get(name)
    if (known !== undefined) return known
    if (this.#requests.size >= maximumNames && name !== otherNames) return this.record(otherNames)
    const record = new RequestRecord(name)
    this.#requests.set(name, record)
    return record
  }

  connected (tookMs: number): void {
    this.#connecting.record(tookMs)
  }

  dropped ({ record, phase }: Counted): void {
    this.#interval.due++
    this.#interval.dropped++
    const inPhase = this.#phases[phase]
    if (inPhase === undefined || inPhase.warmUp) return
    for (const tally of [record.tally, inPhase.tally]) {
      tally.due++
      tally.dropped++
    }
  }

  /** @param lagMs from the intended time to now */
  begun ({ record, phase }: Counted, lagMs: number, bytesSent: number): void {
    this.#interval.due++
    this.#intervalLag.record(lagMs)
    const inPhase = this.#phases[phase]
    if (inPhase === undefined || inPhase.warmUp) return
    this.#lag.record(lagMs)
    record.tally.due++
    record.tally.bytesSent += bytesSent
    inPhase.tally.due++
    inPhase.tally.bytesSent += bytesSent
  }

  ended ({ record, phase }: Counted, ending: Ending): void {
    const { outcome, expected, latencyMs, serviceMs } = ending
    count(this.#interval, ending)
    if (!expected) this.#intervalFailures.set(outcome, (this.#intervalFailures.get(outcome) ?? 0) + 1)
    if (typeof outcome === 'number') this.#intervalLatency.record(latencyMs)
    const inPhase = this.#phases[phase]
    if (inPhase === undefined || inPhase.warmUp) return
    count(record.tally, ending)
    count(inPhase.tally, ending)
    if (expected) inPhase.latency.record(latencyMs)
    const slots = expected ? record.expected : record.unexpected
    let slot = slots.get(outcome)
    if (slot === undefined)
      slots.set(outcome, slot = { latency: new Histogram(), serviceTime: new Histogram() })
    slot.latency.record(latencyMs)
    if (!Number.isNaN(serviceMs)) slot.serviceTime.record(serviceMs)
  }

  complain (from: Complaint['from'], request: string, message: string): void {
    const key = `${from} ${request} ${message}`
    const isFull = this.#complaints.size >= maximumComplaints && !this.#complaints.has(key)
    // What is one too many is not forgotten: that code failed at all must be seen behind any number of verdicts.
    if (isFull && message !== otherComplaints) return this.complain(from, otherNames, otherComplaints)
    this.#complaints.set(key, { from, request, message, count: (this.#complaints.get(key)?.count ?? 0) + 1 })
  }

  /** What happened since the call before. */
  takeInterval (): IntervalData {
    const { due, answered, expected, failed, dropped } = this.#interval
    const latency = this.#intervalLatency.toData()
    const lag = this.#intervalLag.toData()
    const failures = Object.fromEntries(this.#intervalFailures)
    this.#interval = new Tally()
    this.#intervalFailures.clear()
    this.#intervalLatency.reset()
    this.#intervalLag.reset()
    return { due, answered, expected, failed, dropped, failures, latency, lag }
  }

  toData (): RecordedData {
    const records = [...this.#requests.values()].filter(({ tally }) => tally.due > 0)
    return {
      requests: records.map(({ name, tally }) => [name, tally.toData()]),
      outcomes: records.flatMap(outcomesOf),
      phases: this.#phases.map(({ tally, latency }) => ({
        tally: tally.toData(),
        latency: latency.toData(),
      })),
      dispatchLag: this.#lag.toData(),
      connecting: this.#connecting.toData(),
      complaints: [...this.#complaints.values()],
    }
  }
}

function count (tally: Tally, { outcome, expected, bytesReceived }: Ending): void {
  if (typeof outcome === 'number') tally.answered++
  if (expected) tally.expected++
  else tally.failed++
  tally.bytesReceived += bytesReceived
}

function outcomesOf ({ name, expected, unexpected }: RequestRecord): readonly OutcomeData[] {
  const dataOf = (slots: RequestRecord['expected'], isExpected: boolean): OutcomeData[] =>
    [...slots].map(([outcome, { latency, serviceTime }]) => ({
      request: name,
      outcome: typeof outcome === 'number' ? `${outcome}` : outcome,
      expected: isExpected,
      latency: latency.toData(),
      serviceTime: serviceTime.toData(),
    }))
  return [...dataOf(expected, true), ...dataOf(unexpected, false)]
}
