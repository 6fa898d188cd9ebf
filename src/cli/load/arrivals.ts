import { parseDuration, SettingError } from '../../kernel/index.ts'
import {
  type Arrivals,
  formatRate,
  hold,
  parseRate,
  ramp,
  spike,
  steps,
} from '../../plan/load/scenario/index.ts'
import type { Arguments } from '../command.ts'
import { UsageError } from '../errors.ts'

const help = 'plimsoll load --help'
const defaultRate = 50
const defaultMs = 10_000

/**
 * The parts of a run, of `--rate`, `--duration`, `--steps`, `--step-duration`, `--ramp` and `--spike`.
 *
 * @returns `undefined` when none of them is given
 * @throws UsageError for two that contradict each other, SettingError for a value that breaks its rule
 */
export function arrivalsOf ({ options }: Pick<Arguments, 'options'>): Arrivals[] | undefined {
  const { rate, duration, steps: list, 'step-duration': each, ramp: range, spike: peak } = options
  const given = [rate, duration, list, each, range, peak].some((value) => value !== undefined)
  if (!given) return undefined
  refuseTogether(options)
  const totalMs = duration === undefined ? defaultMs : aboveZero(duration, '--duration')
  if (list !== undefined) {
    const rates = String(list).split(',').map((text) => parseRate(text.trim(), 'each of --steps'))
    return steps(rates, each === undefined ? defaultMs : aboveZero(each, '--step-duration'))
  }
  if (range !== undefined) return [rampOf(String(range), totalMs)]
  const base = rate === undefined ? defaultRate : parseRate(rate, '--rate')
  if (peak === undefined) return [hold(base, totalMs)]
  return spikeOf(String(peak), base, totalMs)
}

const contradictions: readonly (readonly [one: string, other: string, why: string])[] = [
  ['steps', 'ramp', 'are two ways for the rate to change; say one'],
  ['steps', 'spike', 'are two ways for the rate to change; say one'],
  ['ramp', 'spike', 'are two ways for the rate to change; say one'],
  ['rate', 'steps', 'contradict: --steps are the rates'],
  ['rate', 'ramp', 'contradict: --ramp says the first rate and the last'],
  ['duration', 'steps', 'contradict: each step is held for --step-duration'],
]

function refuseTogether (options: Arguments['options']): void {
  for (const [one, other, why] of contradictions) {
    if (options[one] !== undefined && options[other] !== undefined) {
      throw new UsageError(`--${one} and --${other} ${why}`, help)
    }
  }
  if (options['step-duration'] !== undefined && options['steps'] === undefined) {
    throw new UsageError('--step-duration is for --steps; say --duration', help)
  }
}

function rampOf (text: string, totalMs: number): Arrivals {
  const parts = text.split('-')
  if (parts.length !== 2) throw new SettingError('--ramp', 'FROM-TO, such as "50-200"', text)
  return ramp(parseRate(parts[0], 'FROM of --ramp'), parseRate(parts[1], 'TO of --ramp'), totalMs)
}

function spikeOf (text: string, base: number, totalMs: number): Arrivals[] {
  const parts = /^([^@]+)@([^+]+)\+(.+)$/.exec(text)
  if (parts === null) throw new SettingError('--spike', 'PEAK@AT+FOR, such as "500@5s+2s"', text)
  const peak = parseRate(parts[1], 'PEAK of --spike')
  const atMs = parseDuration(parts[2], 'AT of --spike')
  const forMs = aboveZero(parts[3], 'FOR of --spike')
  if (atMs + forMs > totalMs) throw new SettingError('--spike', 'over by the end of --duration', text)
  if (peak <= base) throw new SettingError('PEAK of --spike', `above --rate (${formatRate(base)})`, parts[1])
  return spike(peak, { base, at: atMs, for: forMs, total: totalMs })
}

function aboveZero (value: unknown, flag: string): number {
  const ms = parseDuration(value, flag)
  if (ms > 0) return ms
  throw new SettingError(flag, 'a duration above 0', value)
}
