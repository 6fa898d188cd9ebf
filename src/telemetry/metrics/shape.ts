/** What a family counts: a total that only rises, a level, or a distribution. */
export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** How the gauges of several workers become one; `'each'` keeps them apart by a label `worker`. */
export type GaugeMerge = 'sum' | 'max' | 'min' | 'each'

/** What a family of series is, apart from its numbers. Plain data, so that it crosses processes. */
export interface FamilyShape {
  readonly kind: MetricKind
  /** As Prometheus spells it; a counter's ends in `_total`. */
  readonly name: string
  readonly help: string
  /** The unit that the name ends in, e.g. `seconds`; `undefined` for a plain number. */
  readonly unit: string | undefined
  readonly labels: readonly string[]
  /** For gauges only. */
  readonly merge: GaugeMerge | undefined
  /** Upper bounds of the buckets, rising, without the infinite one; empty unless it is a histogram. */
  readonly bounds: readonly number[]
  /** Series beyond this many share one whose label values are all `other`. */
  readonly limit: number
}

/**
 * How many numbers a series takes: 1, or for a histogram one count a bucket (not cumulative; the last one
 * is the infinite bucket) and then the sum.
 */
export function seriesWidth ({ kind, bounds }: FamilyShape): number {
  return kind === 'histogram' ? bounds.length + 2 : 1
}

/** Equal for two shapes whose numbers can be added up: all but the help text and the limit. */
export function shapeKey ({ kind, name, unit, labels, merge, bounds }: FamilyShape): string {
  return JSON.stringify([name, kind, unit, labels, merge, bounds])
}
