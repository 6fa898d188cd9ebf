import { type Duration, formatDuration, parseDuration, SettingError } from '../../../kernel/index.ts'
import { formatRate, parseRate, type Rate } from './rate.ts'

/** How arrivals spread at a rate: evenly, or independent of each other, as those of many users are. */
export type ArrivalProcess = 'constant' | 'poisson'

export const arrivalProcesses: readonly ArrivalProcess[] = ['constant', 'poisson']

/**
 * A part of a run, by how many journeys start. `hold`, `ramp`, `steps` and `spike` make them.
 */
export interface Arrivals {
  /** Shown while it lasts, and in the report. @default the rates, e.g. `ramp 50-200/s` */
  readonly name?: string
  readonly from: Rate
  /** The rate at the end, to which it changes evenly. @default `from` */
  readonly to?: Rate
  readonly for: Duration
}

/** A part of a run, checked, with plain numbers. */
export interface ArrivalPhase {
  readonly name: string
  /** Journeys started per second at its start, and at its end. */
  readonly fromPerSecond: number
  readonly toPerSecond: number
  readonly durationMs: number
}

/** One rate, held. */
export function hold (rate: Rate, duration: Duration): Arrivals {
  return { from: rate, for: duration }
}

/** A rate that changes evenly from one to the other. */
export function ramp (from: Rate, to: Rate, duration: Duration): Arrivals {
  return { from, to, for: duration }
}

/** Several rates, each held as long as the others. */
export function steps (rates: readonly Rate[], each: Duration): Arrivals[] {
  return rates.map((rate, index) => ({
    name: `step ${index + 1} of ${rates.length}: ${showRate(rate)}`,
    from: rate,
    for: each,
  }))
}

/** Where a spike stands, and above what. */
export interface SpikeShape {
  /** Held before and after it. */
  readonly base: Rate
  /** When it begins. */
  readonly at: Duration
  /** How long it lasts. */
  readonly for: Duration
  /** The whole, with what comes before and after. */
  readonly total: Duration
}

/** A sudden peak over a base rate, and time to see the service recover from it. */
export function spike (peak: Rate, { base, at, for: lasts, total }: SpikeShape): Arrivals[] {
  const [atMs, forMs, totalMs] = [
    parseDuration(at, 'spike.at'),
    parseDuration(lasts, 'spike.for'),
    parseDuration(total, 'spike.total'),
  ]
  if (atMs + forMs > totalMs) {
    throw new SettingError(
      'spike',
      `over by the end of the run (${formatDuration(totalMs)})`,
      `${at} + ${lasts}`
    )
  }
  const parts: Arrivals[] = [
    { name: `before the spike: ${showRate(base)}`, from: base, for: atMs },
    { name: `spike: ${showRate(peak)}`, from: peak, for: forMs },
    { name: `after the spike: ${showRate(base)}`, from: base, for: totalMs - atMs - forMs },
  ]
  return parts.filter((part) => part.for !== 0)
}

/**
 * Checks the parts of a run.
 *
 * @throws SettingError for a rate or a duration that is none, and for a run without parts
 */
export function resolveArrivals (
  arrivals: readonly (Arrivals | readonly Arrivals[])[],
  setting = 'arrivals'
): ArrivalPhase[] {
  if (!Array.isArray(arrivals) || arrivals.length === 0) {
    throw new SettingError(setting, 'a list such as [hold("50/s", "10s")]', arrivals)
  }
  return arrivals.flat().map((part, index) => resolvePart(part, `${setting}[${index}]`))
}

function resolvePart (part: Arrivals, setting: string): ArrivalPhase {
  if (typeof part !== 'object' || part === null) {
    throw new SettingError(setting, 'hold(rate, duration), ramp(...), steps(...) or spike(...)', part)
  }
  const fromPerSecond = parseRate(part.from, `${setting}.from`)
  const toPerSecond = part.to === undefined ? fromPerSecond : parseRate(part.to, `${setting}.to`)
  const durationMs = parseDuration(part.for, `${setting}.for`)
  if (durationMs === 0) throw new SettingError(`${setting}.for`, 'a duration above 0', part.for)
  return { name: part.name ?? nameOf(fromPerSecond, toPerSecond), fromPerSecond, toPerSecond, durationMs }
}

function nameOf (fromPerSecond: number, toPerSecond: number): string {
  if (fromPerSecond === toPerSecond) return formatRate(fromPerSecond)
  return `ramp ${formatRate(fromPerSecond)} to ${formatRate(toPerSecond)}`
}

function showRate (rate: Rate): string {
  return typeof rate === 'number' ? formatRate(rate) : rate
}
