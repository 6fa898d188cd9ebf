import type { LatencyClock, Metric, Threshold } from './threshold.ts'

/** What a run measured, of all its requests or of those of one name. */
export interface Figures {
  /** All requests that were to be sent. */
  readonly count: number
  /** Those that failed: no answer, or one that was not expected. */
  readonly errors: number
  /** Those without an answer. */
  readonly unanswered: number
  /** Answered without a failure, per second. */
  readonly goodPerSecond: number
  readonly latency: Readonly<Record<LatencyClock, Latency>>
  /** How many were answered without a failure within so many milliseconds from their intended start. */
  readonly goodWithin: (ms: number) => number
}

/**
 * A distribution of latency, in milliseconds. `NaN` where nothing was measured, `Infinity` where it would be
 * that of a request without an answer.
 */
export interface Latency {
  readonly mean: number
  readonly max: number
  /** @param q from 0 to 1 */
  readonly quantile: (q: number) => number
}

/** What became of a threshold. */
export interface ThresholdResult {
  readonly threshold: string
  readonly passed: boolean
  /** In the unit of the bound; `null` where there is none, as `missing` says. */
  readonly actual: number | null
  /**
   * Nothing was measured, which never passes; or so many requests had no answer that the figure is theirs, which
   * is slower than any bound.
   */
  readonly missing?: 'nothing-measured' | 'no-answer'
  readonly bound: number
  readonly unit: ThresholdUnit
}

export type ThresholdUnit = 'ms' | 'per-second' | 'share' | 'count'

/**
 * Compares a threshold with what was measured.
 *
 * @param figures of the threshold's request; `undefined` when no request of the run has its name
 */
export function judgeThreshold (threshold: Threshold, figures: Figures | undefined): ThresholdResult {
  const { text, metric, comparison, bound } = threshold
  const actual = figures === undefined ? NaN : measure(metric, figures)
  return {
    threshold: text,
    // A comparison with NaN is false: what was not measured has not passed.
    passed: compare[comparison](actual, bound),
    ...(Number.isFinite(actual) ? { actual } : { actual: null, missing: missingOf(actual) }),
    bound,
    unit: unitOf(metric),
  }
}

function missingOf (actual: number): 'nothing-measured' | 'no-answer' {
  return Number.isNaN(actual) ? 'nothing-measured' : 'no-answer'
}

/** The unit of a metric's bound. */
export function unitOf ({ kind }: Metric): ThresholdUnit {
  switch (kind) {
    case 'quantile':
    case 'mean':
    case 'max':
      return 'ms'
    case 'rate':
      return 'per-second'
    case 'errors':
    case 'count':
      return 'count'
    case 'error-rate':
    case 'good':
      return 'share'
  }
}

const compare = {
  '<': (actual: number, bound: number): boolean => actual < bound,
  '<=': (actual: number, bound: number): boolean => actual <= bound,
  '>': (actual: number, bound: number): boolean => actual > bound,
  '>=': (actual: number, bound: number): boolean => actual >= bound,
} as const

function measure (metric: Metric, figures: Figures): number {
  switch (metric.kind) {
    case 'quantile':
      return figures.latency[metric.clock].quantile(metric.quantile)
    case 'mean':
      return figures.latency[metric.clock].mean
    case 'max':
      return figures.latency[metric.clock].max
    case 'error-rate':
      return figures.errors / figures.count
    case 'errors':
      return figures.errors
    case 'count':
      return figures.count
    case 'rate':
      return figures.goodPerSecond
    case 'good':
      return figures.goodWithin(metric.withinMs) / figures.count
  }
}
