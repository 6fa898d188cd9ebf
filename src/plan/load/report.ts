import type { Distribution } from './histogram/index.ts'

/** What a run came to; plain data. Requests of warm-up phases are in no figure. */
export interface LoadReport {
  /** When the first phase began, milliseconds since the epoch. */
  readonly startedAtMs: number
  /** Length of the measured phases, as far as they ran. Rates are over this time. */
  readonly measuredMs: number
  /** The run was ended before its time; the figures hold for what ran. */
  readonly aborted: boolean
  readonly verdict: Verdict
  readonly totals: Counts
  /** From the intended send time to the last byte; of all that were answered. What a user feels. */
  readonly latency: Distribution
  /** From the actual send, or the beginning of the connection made for it, to the last byte. */
  readonly serviceTime: Distribution
  /** From the intended send time to the actual one: the generator's own lateness, part of `latency`. */
  readonly dispatchLag: Distribution
  /** From the beginning of a connection until it stands. */
  readonly connecting: Distribution
  readonly requests: readonly RequestReport[]
  readonly phases: readonly PhaseReport[]
  readonly journeys: JourneyCounts
  readonly connections: ConnectionCounts
  readonly timeline: readonly Interval[]
  readonly health: readonly ThreadHealth[]
}

/** Whether the generator could do what the plan asked of it. Figures of a void run are not to be used. */
export interface Verdict {
  readonly state: 'valid' | 'void'
  /** Why it is void, for people; empty when valid. */
  readonly reasons: readonly string[]
}

export interface Counts {
  /** Requests that fell due: first steps by the plan's arrivals, further steps by their journey. */
  readonly due: number
  /** Answered in full, whatever the status. */
  readonly answered: number
  /** Answered with an expected status. */
  readonly expected: number
  /** Not answered, or with another status than expected. `expected + failed + dropped + unfinished = due`. */
  readonly failed: number
  /** Not sent because too many were in flight. */
  readonly dropped: number
  /** Cut off by the end of the run: neither answered nor out of patience. */
  readonly unfinished: number
  readonly duePerSecond: number
  readonly answeredPerSecond: number
  readonly expectedPerSecond: number
  readonly bytesSent: number
  readonly bytesReceived: number
}

/** Why a request has no answer. */
export type FailureKind =
  /** The client's patience ended. */
  | 'timeout'
  /** No listener: ECONNREFUSED. */
  | 'refused'
  /** ECONNRESET, EPIPE. */
  | 'reset'
  /** The connection was closed in order before the answer was complete. */
  | 'closed'
  /** What came is not HTTP/1.1. */
  | 'protocol'
  /** TLS could not be agreed, or the certificate is not trusted. */
  | 'tls'
  /** The network cannot get there: EHOSTUNREACH, ENETUNREACH, ETIMEDOUT and the like. */
  | 'unreachable'
  /** This machine's ports, descriptors or buffers are used up; voids the run. */
  | 'exhausted'
  /** The patience ended before a connection was free. */
  | 'unsent'

export interface RequestReport {
  readonly name: string
  readonly counts: Counts
  readonly latency: Distribution
  readonly serviceTime: Distribution
  readonly outcomes: readonly OutcomeReport[]
}

/** Requests of one name that ended in one way. For a failure, the times run until it was known. */
export interface OutcomeReport {
  /** A status such as `'200'`, or why there is none. */
  readonly outcome: `${number}` | FailureKind
  /** The first digit of the status. */
  readonly group: '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'failure'
  readonly expected: boolean
  readonly count: number
  readonly latency: Distribution
  readonly serviceTime: Distribution
}

/** Requests by the phase that their journey arrived in. */
export interface PhaseReport {
  readonly name: string
  readonly startMs: number
  readonly durationMs: number
  readonly counts: Counts
  /** Of those answered as expected. */
  readonly latency: Distribution
}

export interface JourneyCounts {
  readonly started: number
  /** All steps answered as expected. */
  readonly completed: number
  /** A step failed or was not as expected, or the journey's own code threw. */
  readonly broken: number
  /** Cut off by the end of the run. */
  readonly unfinished: number
  /** What was wrong: what `judge` said, and what the journey's own code threw. The 20 first kinds. */
  readonly complaints: readonly Complaint[]
}

export interface Complaint {
  readonly from: 'judge' | 'code'
  /** Name of the request; of an arrival whose first step could not be made, empty. */
  readonly request: string
  readonly message: string
  readonly count: number
}

export interface ConnectionCounts {
  readonly opened: number
  readonly failed: number
  /** Requests that were sent on a connection that had served before, or had been opened ahead. */
  readonly reused: number
  /** By the server, while no request was under way. */
  readonly closedIdle: number
  readonly openAtMost: number
}

/** One stretch of the run, warm-up included; the run has at most about 600. */
export interface Interval {
  /** From the start of the first phase. */
  readonly atMs: number
  readonly durationMs: number
  readonly due: number
  readonly answered: number
  readonly expected: number
  readonly failed: number
  readonly inFlight: number
  readonly openConnections: number
  /** Of what was answered in this stretch; `NaN` without answers. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly lagP99Ms: number
}

/** How one thread of the generator fared. */
export interface ThreadHealth {
  readonly thread: number
  /** CPU time of the thread over the time of the run; busy-waiting included. */
  readonly cpuShare: number
  /** Share of the time spent in busy-waiting: what the thread had to spare. */
  readonly spareShare: number
  /** How late a 10 ms timer of its own was. */
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
  readonly gcPauses: number
  readonly gcPauseTotalMs: number
  readonly gcPauseMaxMs: number
  /** The core it was pinned to; `undefined` when not. */
  readonly core: number | undefined
}

/** Sent about each second while a run goes on. */
export interface LoadProgress {
  readonly elapsedMs: number
  readonly plannedMs: number
  /** The name of the phase under way. */
  readonly phase: string
  /** Since the progress before. */
  readonly interval: Interval
  /** Since the start, warm-up included. */
  readonly totals: Pick<Counts, 'due' | 'answered' | 'expected' | 'failed' | 'dropped'>
  /** Those of `totals.failed`, by status or why there is none. */
  readonly failures: Readonly<Record<string, number>>
}
