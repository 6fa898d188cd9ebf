import type { QueryName } from './queries.ts'

/** What the benchmark asks of a subject. */
export interface Ask {
  readonly query: QueryName
  /** Reads under way at once. */
  readonly flights: number
  /** How long to read, in milliseconds. */
  readonly ms: number
}

/** What the subject found. */
export interface Round {
  readonly readsPerSecond: number
  /** CPU time of the subject for one read, in microseconds. */
  readonly cpuMicros: number
  readonly p99Ms: number
}
