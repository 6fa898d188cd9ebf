import type { Clock, TraceContext } from '../../kernel/index.ts'
import { bucketOf, searchableBounds } from './bucket-search.ts'
import type { Family, SlotKind } from './family.ts'
import type { Place } from './pages.ts'
import type { Exemplar } from './snapshot.ts'

/**
 * Seconds of a request, as OpenTelemetry's semantic conventions advise.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration
 */
export const httpSecondsBounds: readonly number[] = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.075,
  0.1,
  0.25,
  0.5,
  0.75,
  1,
  2.5,
  5,
  7.5,
  10,
]

/** A distribution over fixed buckets. */
export interface HistogramSlot {
  /**
   * Counts one value, in the unit of the family's name. Values that are not finite are ignored: they
   * would spoil the sum for ever, and a record never throws.
   *
   * @param exemplar the trace that the value comes from; kept, if sampled, until its bucket's next one
   */
  record(value: number, exemplar?: TraceContext): void
  /** Counts the same value `count` times: for numbers that were counted elsewhere. */
  recordMany(value: number, count: number): void
}

/** Histograms of one name. */
export type HistogramFamily<Label extends string = string> = Family<HistogramSlot, Label>

/** What the slots of one family share. */
interface HistogramCommons {
  readonly clock: Clock
  readonly searchable: Float64Array
  readonly bucketCount: number
}

const noExemplars: readonly Exemplar[] = []

class PagedHistogram implements HistogramSlot {
  readonly #page: Float64Array
  readonly #at: number
  readonly #series: number
  readonly #searchable: Float64Array
  readonly #commons: HistogramCommons
  #exemplars: (Exemplar | undefined)[] | undefined

  constructor ({ page, at }: Place, series: number, commons: HistogramCommons) {
    this.#page = page
    this.#at = at
    this.#series = series
    this.#searchable = commons.searchable
    this.#commons = commons
  }

  /** The last exemplar of each bucket, where there was one. */
  get exemplars (): readonly Exemplar[] {
    return this.#exemplars === undefined ? noExemplars : this.#exemplars.filter((kept) => kept !== undefined)
  }

  record (value: number, exemplar?: TraceContext): void {
    if (value - value !== 0) return // neither NaN nor an infinity equals itself less itself
    const bucket = bucketOf(this.#searchable, value)
    this.#page[this.#at + bucket]! += 1
    this.#page[this.#at + this.#commons.bucketCount]! += value
    if (exemplar?.sampled === true) this.#keep(bucket, value, exemplar)
  }

  recordMany (value: number, count: number): void {
    if (value - value !== 0 || !(count > 0 && count < Infinity)) return
    this.#page[this.#at + bucketOf(this.#searchable, value)]! += count
    this.#page[this.#at + this.#commons.bucketCount]! += value * count
  }

  #keep (bucket: number, value: number, { traceId, spanId }: TraceContext): void {
    this.#exemplars ??= Array<Exemplar | undefined>(this.#commons.bucketCount).fill(undefined)
    const atMs = this.#commons.clock.epochMs()
    this.#exemplars[bucket] = { series: this.#series, bucket, value, traceId, spanId, atMs }
  }
}

/** @param bounds upper bounds, rising */
export function histogramSlots (bounds: readonly number[], clock: Clock): SlotKind<HistogramSlot> {
  const commons = { clock, searchable: searchableBounds(bounds), bucketCount: bounds.length + 1 }
  return {
    make: (place, series) => new PagedHistogram(place, series, commons),
    exemplarsOf: (slot) => slot instanceof PagedHistogram ? slot.exemplars : noExemplars,
  }
}
