import { SettingError } from '../../kernel/index.ts'
import type { FamilyShape } from './shape.ts'

const namePattern = /^[a-zA-Z_][a-zA-Z0-9_]*$/
/** Prometheus and OpenMetrics append these to the names of counters and histograms. */
const reservedSuffix = /_(?:total|bucket|count|sum|created)$/
const units = /_(seconds|bytes|ratio|celsius|volts|amperes|joules|grams|meters)$/
/** Labels that the formats themselves write. */
const reservedLabels: ReadonlySet<string> = new Set(['le', 'quantile'])

/** The name without a counter's `_total`: what OpenMetrics calls the family. */
export function baseName ({ kind, name }: Pick<FamilyShape, 'kind' | 'name'>): string {
  return kind === 'counter' ? name.slice(0, -'_total'.length) : name
}

/** The base unit that a name ends in, where it ends in one. */
export function unitOfName (shape: Pick<FamilyShape, 'kind' | 'name'>): string | undefined {
  return units.exec(baseName(shape))?.[1]
}

/**
 * Refuses a family that a scraper would reject or misread.
 *
 * @throws SettingError
 * @see https://prometheus.io/docs/concepts/data_model/
 * @see https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
 */
export function checkShape (shape: FamilyShape): void {
  const { kind, name, help, unit, limit } = shape
  if (!namePattern.test(name)) {
    throw new SettingError('metric name', 'letters, digits and underscores, not starting with a digit', name)
  }
  if (kind === 'counter' && !name.endsWith('_total')) {
    throw new SettingError('counter name', 'one that ends in _total', name)
  }
  if (kind !== 'counter' && reservedSuffix.test(name)) {
    throw new SettingError(
      `${kind} name`,
      'one that does not end in _total, _bucket, _count, _sum or _created',
      name
    )
  }
  if (help.trim() === '') throw new SettingError(`help of metric ${name}`, 'a sentence', help)
  if (unit !== undefined && !baseName(shape).endsWith(`_${unit}`)) {
    throw new SettingError(`unit of metric ${name}`, `one that the name ends in`, unit)
  }
  if (!(Number.isInteger(limit) && limit >= 1)) {
    throw new SettingError(`series limit of metric ${name}`, 'a whole number of at least 1', limit)
  }
  checkLabels(shape)
  if (kind === 'histogram') checkBounds(shape)
}

function checkLabels ({ name, labels, merge }: FamilyShape): void {
  const seen = new Set<string>()
  for (const label of labels) {
    if (!namePattern.test(label) || label.startsWith('__')) {
      throw new SettingError(
        `label of metric ${name}`,
        'letters, digits and underscores, not starting with a digit or two underscores',
        label
      )
    }
    if (reservedLabels.has(label) || (merge === 'each' && label === 'worker')) {
      throw new SettingError(`label of metric ${name}`, 'none that the exposition adds itself', label)
    }
    if (seen.has(label)) throw new SettingError(`label of metric ${name}`, 'given once', label)
    seen.add(label)
  }
}

function checkBounds ({ name, bounds }: FamilyShape): void {
  const rising = bounds.every((bound, at) => Number.isFinite(bound) && bound > (bounds[at - 1] ?? -Infinity))
  if (bounds.length === 0 || !rising) {
    throw new SettingError(`bounds of metric ${name}`, 'finite numbers, each above the one before', bounds)
  }
}
