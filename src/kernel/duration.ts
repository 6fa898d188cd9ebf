import { SettingError } from './setting-error.ts'

type Unit = 'ms' | 's' | 'm' | 'h' | 'd'

/** A length of time as people write it (`'250ms'`, `'1.5s'`, `'5m'`, `'2h'`, `'7d'`), or a number of milliseconds. */
export type Duration = number | `${number}${Unit}`

const unitMs: Readonly<Record<Unit, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/**
 * Reads a duration.
 *
 * @param value text with a unit (`ms`, `s`, `m`, `h`, `d`), or a number of milliseconds; never negative.
 *   Text without a unit is refused, because `"5"` has been read as seconds and as milliseconds before.
 * @param setting names the setting in the error
 * @returns milliseconds
 * @throws SettingError
 */
export function parseDuration (value: unknown, setting = 'duration'): number {
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value
  const parts = typeof value === 'string' ? pattern.exec(value) : null
  if (parts === null) throw new SettingError(setting, 'a duration such as "250ms", "30s" or "5m"', value)
  return Number(parts[1]) * unitMs[parts[2] as Unit]
}

/** Writes a duration in the largest unit that keeps it exact: 90,000 is `'90s'`, 300,000 is `'5m'`. */
export function formatDuration (ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms >= unitMs[unit] && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`
  }
  return `${ms}ms`
}
