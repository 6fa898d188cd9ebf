import { baseName } from './names.ts'
import type { MetricsFormat } from './negotiate.ts'
import { seriesWidth } from './shape.ts'
import type { Exemplar, FamilySnapshot } from './snapshot.ts'

/**
 * Writes the lines of one family, a series at a time.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/ text format 0.0.4
 * @see https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
 */
export class FamilyWriter {
  readonly #family: FamilySnapshot
  readonly #openmetrics: boolean
  readonly #width: number
  /** `le="0.005"` and so on, the infinite bucket last. */
  readonly #bucketLabels: readonly string[]
  readonly #exemplars: Map<number, Exemplar> = new Map()

  constructor (family: FamilySnapshot, format: MetricsFormat) {
    this.#family = family
    this.#openmetrics = format === 'openmetrics'
    this.#width = seriesWidth(family)
    this.#bucketLabels = [...family.bounds, Infinity].map((bound) => `le="${this.#bound(bound)}"`)
    if (!this.#openmetrics) return
    for (const exemplar of family.exemplars) {
      this.#exemplars.set(exemplar.series * this.#width + exemplar.bucket, exemplar)
    }
  }

  get seriesCount (): number {
    return this.#family.values.length / this.#width
  }

  /** TYPE, UNIT (OpenMetrics only) and HELP. */
  header (): string {
    const { kind, name, help, unit } = this.#family
    if (!this.#openmetrics) {
      return `# HELP ${name} ${help.replace(/[\\\n]/g, escapeCharacter)}\n# TYPE ${name} ${kind}\n`
    }
    const base = baseName(this.#family)
    const unitLine = unit === undefined ? '' : `# UNIT ${base} ${unit}\n`
    return `# TYPE ${base} ${kind}\n${unitLine}# HELP ${base} ${help.replace(/[\\\n"]/g, escapeCharacter)}\n`
  }

  /** All lines of one series. */
  series (series: number): string {
    const { kind, name, values } = this.#family
    const labels = this.#labels(series)
    if (kind === 'histogram') return this.#histogram(series, labels)
    return `${name}${labels === '' ? '' : `{${labels}}`} ${formatNumber(values[series] ?? 0)}\n`
  }

  #histogram (series: number, labels: string): string {
    const { name, values } = this.#family
    const start = series * this.#width
    const bucketStart = `${name}_bucket{${labels}${labels === '' ? '' : ','}`
    const braced = labels === '' ? '' : `{${labels}}`
    let text = ''
    let count = 0
    for (let bucket = 0; bucket < this.#bucketLabels.length; bucket++) {
      count += values[start + bucket] ?? 0
      text += `${bucketStart}${this.#bucketLabels[bucket]}} ${count}${this.#exemplar(start + bucket)}\n`
    }
    const sum = formatNumber(values[start + this.#width - 1] ?? 0)
    return `${text}${name}_sum${braced} ${sum}\n${name}_count${braced} ${count}\n`
  }

  #exemplar (at: number): string {
    if (this.#exemplars.size === 0) return ''
    const exemplar = this.#exemplars.get(at)
    if (exemplar === undefined) return ''
    const { traceId, spanId, value, atMs } = exemplar
    return ` # {trace_id="${traceId}",span_id="${spanId}"} ${formatNumber(value)} ${atMs / 1000}`
  }

  #labels (series: number): string {
    const { labels, labelValues } = this.#family
    let text = ''
    for (let at = 0; at < labels.length; at++) {
      const value = labelValues[series * labels.length + at] ?? ''
      text += `${at === 0 ? '' : ','}${labels[at]}="${value.replace(/[\\\n"]/g, escapeCharacter)}"`
    }
    return text
  }

  /** OpenMetrics writes bounds as floats, so that `le="1.0"` is one series whatever wrote it. */
  #bound (bound: number): string {
    return this.#openmetrics && Number.isInteger(bound) ? bound.toFixed(1) : formatNumber(bound)
  }
}

function formatNumber (value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  return String(value)
}

function escapeCharacter (character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`
}
