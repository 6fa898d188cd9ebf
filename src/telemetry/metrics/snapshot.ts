import type { FamilyShape } from './shape.ts'

/** A recorded value of one traced request: the way from a bucket to a trace. */
export interface Exemplar {
  /** The series' number in its family. */
  readonly series: number
  /** The bucket's number; as many as there are bounds for the infinite one. */
  readonly bucket: number
  readonly value: number
  readonly traceId: string
  readonly spanId: string
  /** Since the Unix epoch, in milliseconds. */
  readonly atMs: number
}

/** A family with its numbers at one moment. */
export interface FamilySnapshot extends FamilyShape {
  /** Label values, series after series; `labels.length` for each. */
  readonly labelValues: readonly string[]
  /** `seriesWidth` numbers for each series. */
  readonly values: Float64Array
  readonly exemplars: readonly Exemplar[]
}

/**
 * All families of one registry at one moment: plain data and typed arrays, to be sent to another process
 * (`serialization: 'advanced'`) or thread. Series keep their order from snapshot to snapshot.
 */
export interface MetricsSnapshot {
  /** The registry's own id: tells a worker's numbers from those of its successor. */
  readonly source: string
  /** Rises with each snapshot of one registry. */
  readonly sequence: number
  readonly families: readonly FamilySnapshot[]
}
