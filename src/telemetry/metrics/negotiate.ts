/** A text format that a scraper reads. */
export type MetricsFormat = 'prometheus' | 'openmetrics'

export interface NegotiatedFormat {
  readonly format: MetricsFormat
  readonly contentType: string
}

const prometheus: NegotiatedFormat = {
  format: 'prometheus',
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
}
const openmetrics: NegotiatedFormat = {
  format: 'openmetrics',
  contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

interface Range {
  readonly type: string
  readonly version: string | undefined
  readonly quality: number
}

/**
 * Chooses the format that an `Accept` header likes best; of two liked equally, OpenMetrics where it is
 * named, because it carries exemplars. A header that accepts neither gets the Prometheus format: to a
 * person with a browser a page is more use than a 406.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-accept
 */
export function metricsFormat (accept: string | undefined): NegotiatedFormat {
  const ranges = (accept ?? '').split(',').map(readRange)
  const named = bestQuality(ranges, 'application/openmetrics-text', ['1.0.0', '0.0.1'])
  const plain = bestQuality(ranges, 'text/plain', ['0.0.4']) ??
    bestQuality(ranges, 'text/*', []) ??
    bestQuality(ranges, '*/*', []) ??
    0
  return named !== undefined && named > 0 && named >= plain ? openmetrics : prometheus
}

/** The highest quality that a type is named with in a version that we write; no version means any. */
function bestQuality (
  ranges: readonly Range[],
  type: string,
  versions: readonly string[]
): number | undefined {
  let best: number | undefined
  for (const range of ranges) {
    if (range.type !== type) continue
    if (range.version !== undefined && !versions.includes(range.version)) continue
    best = Math.max(best ?? 0, range.quality)
  }
  return best
}

function readRange (text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  let quality = 1
  let version: string | undefined
  for (const parameter of parameters) {
    const [name, value = ''] = parameter.split('=').map((part) => part.trim())
    if (name === 'q') quality = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(value) ? Number(value) : 0
    if (name === 'version') version = value.replaceAll('"', '')
  }
  return { type, version, quality }
}
