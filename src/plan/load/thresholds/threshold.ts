/** How a figure is compared with its bound. */
export type Comparison = '<' | '<=' | '>' | '>='

/** What is compared. */
export type Metric =
  /** A quantile of latency: `quantile` is 0.99 for p99. */
  | { readonly kind: 'quantile'; readonly clock: LatencyClock; readonly quantile: number }
  | { readonly kind: 'mean' | 'max'; readonly clock: LatencyClock }
  /** Share of requests that failed, of all that were to be sent. */
  | { readonly kind: 'error-rate' }
  /** Failed requests. */
  | { readonly kind: 'errors' }
  /** All requests. */
  | { readonly kind: 'count' }
  /** Requests answered without a failure, per second. */
  | { readonly kind: 'rate' }
  /** Share of requests answered without a failure within a time from their intended start, of all. */
  | { readonly kind: 'good'; readonly withinMs: number }

/** From when latency counts: when the request was meant to begin, or when it was written. */
export type LatencyClock = 'intended' | 'service'

/** Something that must hold for a run. */
export interface Threshold {
  /** As its user wrote it. */
  readonly text: string
  readonly metric: Metric
  /** A request's name; `undefined` for all requests together. */
  readonly request: string | undefined
  readonly comparison: Comparison
  /** In milliseconds, requests, requests per second, or as a share from 0 to 1. */
  readonly bound: number
}
