import type { Histogram, HistogramData } from './histogram.ts'

/** Milliseconds; `NaN` when `count` is 0. Quantiles are within 0.4 % of the exact ones. */
export interface Distribution {
  readonly count: number
  readonly minMs: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p75Ms: number
  readonly p90Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly p9999Ms: number
  readonly maxMs: number
  /** All of it, for merging and for any other quantile: `Histogram.from(data)`. */
  readonly histogram: HistogramData
}

/** What a histogram comes to. */
export function distributionOf (histogram: Histogram): Distribution {
  return {
    count: histogram.count,
    minMs: histogram.minMs,
    meanMs: histogram.meanMs,
    p50Ms: histogram.quantileMs(0.5),
    p75Ms: histogram.quantileMs(0.75),
    p90Ms: histogram.quantileMs(0.9),
    p95Ms: histogram.quantileMs(0.95),
    p99Ms: histogram.quantileMs(0.99),
    p999Ms: histogram.quantileMs(0.999),
    p9999Ms: histogram.quantileMs(0.9999),
    maxMs: histogram.maxMs,
    histogram: histogram.toData(),
  }
}
