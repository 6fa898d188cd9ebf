import type { ThresholdResult, ThresholdUnit } from '../thresholds/index.ts'

/** A time in three digits: `0.87ms`, `12.3ms`, `1.23s`; `-` for none. */
export function showMs (ms: number): string {
  if (!Number.isFinite(ms)) return '-'
  if (ms >= 999.5) return `${threeDigits(ms / 1_000)}s`
  return ms >= 0.01 || ms === 0 ? `${threeDigits(ms)}ms` : '0.01ms'
}

/** A share in percent: `0.5%`, `98.25%`; never `100%` or `0%` for what only comes near. */
export function showShare (share: number): string {
  const percent = share * 100
  const rounded = Number(percent.toFixed(2))
  if (rounded === 100 && percent < 100) return '>99.99%'
  return rounded === 0 && percent > 0 ? '<0.01%' : `${rounded}%`
}

/** A rate in three digits, and all that stand before the point: `48.3/s`, `1204/s`. */
export function showPerSecond (perSecond: number): string {
  return Number.isFinite(perSecond) ? `${threeDigits(perSecond)}/s` : '-'
}

/** A size in decimal units, as networks count: `1.2 MB`. */
export function showBytes (bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const
  const at = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3))
  return `${threeDigits(bytes / 1_000 ** at)} ${units[at]}`
}

/** Text that a server may have had a hand in, without what would steer a terminal. */
export function printable (text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
}

/** What a threshold's figure came to, in the unit of its bound. */
export function showActual ({ actual, missing, unit }: ThresholdResult): string {
  if (actual !== null) return showIn[unit](actual)
  return missing === 'no-answer' ? 'no answer' : 'nothing measured'
}

const showIn: Readonly<Record<ThresholdUnit, (value: number) => string>> = {
  ms: showMs,
  share: showShare,
  'per-second': showPerSecond,
  count: String,
}

function threeDigits (value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}
