import { SeriesIndex } from './series-index.ts'
import { type FamilyShape, seriesWidth } from './shape.ts'
import type { Exemplar, FamilySnapshot } from './snapshot.ts'

/** A worker's latest numbers of a family, and which merged series each of its own is. */
export interface WorkerPart {
  readonly family: MergedFamily
  readonly rows: readonly number[]
  readonly latest: FamilySnapshot
}

/** One family over all workers, those of the past included. Series are never given up. */
export class MergedFamily {
  readonly shape: FamilyShape
  readonly #width: number
  readonly #index: SeriesIndex
  /** What retired workers have counted, by merged series. */
  #retired: Float64Array = new Float64Array(0)
  #retiredExemplars: readonly Exemplar[] = []

  constructor (shape: FamilyShape) {
    this.shape = shape
    this.#width = seriesWidth(shape)
    this.#index = new SeriesIndex(shape.labels.length, shape.limit)
  }

  /** @param before the same worker's last part: only series that are new since are looked up */
  part (latest: FamilySnapshot, before: WorkerPart | undefined): WorkerPart {
    const { labels, labelValues, values } = latest
    const rows = before === undefined ? [] : [...before.rows]
    for (let series = rows.length; series < values.length / this.#width; series++) {
      rows.push(this.#index.indexOf(labelValues.slice(series * labels.length, (series + 1) * labels.length)))
    }
    return { family: this, rows, latest }
  }

  /** Keeps what a worker has counted after it is gone. Its gauges go with it. */
  retire (part: WorkerPart): void {
    if (this.shape.kind === 'gauge') return
    const sums = this.#sums()
    this.#add(sums, part)
    this.#retired = sums
    this.#retiredExemplars = newestExemplars([this.#retiredExemplars, movedExemplars(part)])
  }

  /** @param parts by worker, those of this family only */
  merged (parts: ReadonlyMap<string, WorkerPart>): FamilySnapshot {
    if (this.shape.kind === 'gauge') {
      return this.shape.merge === 'each' ? this.#eachGauge(parts) : this.#combinedGauge(parts)
    }
    const values = this.#sums()
    for (const part of parts.values()) this.#add(values, part)
    const exemplars = newestExemplars([this.#retiredExemplars, ...[...parts.values()].map(movedExemplars)])
    return { ...this.shape, labelValues: this.#index.labelValues(), values, exemplars }
  }

  /** The retired workers' numbers, with room for all series known by now; a copy. */
  #sums (): Float64Array {
    const sums = new Float64Array(this.#index.size * this.#width)
    sums.set(this.#retired)
    return sums
  }

  #add (sums: Float64Array, { rows, latest: { values } }: WorkerPart): void {
    let from = 0
    for (const row of rows) {
      const to = row * this.#width
      for (let at = 0; at < this.#width; at++) sums[to + at]! += values[from++]!
    }
  }

  /** Only series that a living worker has: a level of the past is no level. */
  #combinedGauge (parts: ReadonlyMap<string, WorkerPart>): FamilySnapshot {
    const { merge, labels } = this.shape
    const combined = new Map<number, number>()
    for (const { rows, latest } of parts.values()) {
      rows.forEach((row, series) => {
        const value = latest.values[series] ?? 0
        const other = combined.get(row)
        if (other === undefined) combined.set(row, value)
        else if (merge === 'sum') combined.set(row, other + value)
        else combined.set(row, merge === 'max' ? Math.max(other, value) : Math.min(other, value))
      })
    }
    const all = this.#index.labelValues()
    const labelValues = [...combined.keys()].flatMap((row) =>
      all.slice(row * labels.length, (row + 1) * labels.length)
    )
    return { ...this.shape, labelValues, values: Float64Array.from(combined.values()), exemplars: [] }
  }

  #eachGauge (parts: ReadonlyMap<string, WorkerPart>): FamilySnapshot {
    const { labels } = this.shape
    const labelValues: string[] = []
    const values: number[] = []
    for (const [worker, { latest }] of parts) {
      latest.values.forEach((value, series) => {
        labelValues.push(
          ...latest.labelValues.slice(series * labels.length, (series + 1) * labels.length),
          worker
        )
        values.push(value)
      })
    }
    const shape = { ...this.shape, labels: [...labels, 'worker'] }
    return { ...shape, labelValues, values: Float64Array.from(values), exemplars: [] }
  }
}

/** A worker's exemplars under the merged series' numbers. */
function movedExemplars ({ rows, latest: { exemplars } }: WorkerPart): Exemplar[] {
  return exemplars.map((exemplar) => ({ ...exemplar, series: rows[exemplar.series] ?? 0 }))
}

/** The newest exemplar of each bucket of each series. */
function newestExemplars (lists: readonly (readonly Exemplar[])[]): Exemplar[] {
  const newest = new Map<string, Exemplar>()
  for (const exemplar of lists.flat()) {
    const key = `${exemplar.series}/${exemplar.bucket}`
    const other = newest.get(key)
    if (other === undefined || other.atMs <= exemplar.atMs) newest.set(key, exemplar)
  }
  return [...newest.values()]
}
