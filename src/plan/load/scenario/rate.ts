import { SettingError } from '../../../kernel/index.ts'

type Per = 's' | 'm' | 'h'

/** How many a second, minute or hour, as people write it (`'200/s'`, `'90/m'`), or a number per second. */
export type Rate = number | `${number}/${Per}`

const secondsOf: Readonly<Record<Per, number>> = { s: 1, m: 60, h: 3_600 }
const pattern = /^(\d+(?:\.\d+)?)(?:\/(s|m|h))?$/

/** Above this no single machine starts requests; it is a slip of the keyboard. */
const largestPerSecond = 1_000_000

/**
 * Reads a rate.
 *
 * @param value `'200/s'`, `'90/m'`, `'1.5/h'`; a number, or text without a unit, is per second
 * @param setting names the setting in the error
 * @returns per second, above 0 and at most 1,000,000
 * @throws SettingError
 */
export function parseRate (value: unknown, setting = 'rate'): number {
  const perSecond = typeof value === 'number' ? value : readText(value)
  if (perSecond > 0 && perSecond <= largestPerSecond) return perSecond
  throw new SettingError(
    setting,
    'a rate above 0 and at most 1000000/s, such as "200", "200/s" or "90/m"',
    value
  )
}

/** Writes a rate as people read it: 200 is `'200/s'`, 0.5 is `'30/m'`. */
export function formatRate (perSecond: number): string {
  if (perSecond >= 1 || perSecond === 0) return `${rounded(perSecond)}/s`
  return perSecond >= 1 / 60 ? `${rounded(perSecond * 60)}/m` : `${rounded(perSecond * 3_600)}/h`
}

function readText (value: unknown): number {
  const parts = typeof value === 'string' ? pattern.exec(value) : null
  return parts === null ? NaN : Number(parts[1]) / secondsOf[(parts[2] ?? 's') as Per]
}

function rounded (value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3))
}
