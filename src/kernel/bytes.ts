import { SettingError } from './setting-error.ts'

type Unit = 'B' | 'kB' | 'MB' | 'GB' | 'KiB' | 'MiB' | 'GiB'

const units: Readonly<Record<Unit, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

/** A size as people write it (`'64MiB'`, `'1.5GB'`, `'512B'`), or a number of bytes. */
export type Bytes = number | `${number}${Unit}`

const pattern = /^(\d+(?:\.\d+)?)(B|kB|MB|GB|KiB|MiB|GiB)$/

/**
 * Reads a size in bytes, rounded down to a whole byte.
 *
 * @param value text with a unit: binary (`KiB`, `MiB`, `GiB`) or decimal (`kB`, `MB`, `GB`), or `B`;
 *   or a number of bytes; never negative
 * @param setting names the setting in the error
 * @throws SettingError
 */
export function parseBytes (value: unknown, setting = 'size'): number {
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return Math.floor(value)
  const parts = typeof value === 'string' ? pattern.exec(value) : null
  if (parts === null) throw new SettingError(setting, 'a size such as "16KiB", "64MiB" or "1GB"', value)
  return Math.floor(Number(parts[1]) * units[parts[2] as Unit])
}

/** Writes a size in the largest binary unit that keeps it exact: 65,536 is `'64KiB'`, 1,000 is `'1000B'`. */
export function formatBytes (bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes >= units[unit] && bytes % units[unit] === 0) return `${bytes / units[unit]}${unit}`
  }
  return `${bytes}B`
}
