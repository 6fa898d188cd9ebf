import { type Duration, parseDuration, type Random, SettingError } from '../../../kernel/index.ts'

/**
 * How long a user waits before the next request: always the same (`'500ms'`), anything between two bounds
 * alike (`{ from: '1s', to: '3s' }`), or exponential about a mean (`{ mean: '2s' }`), as independent people are.
 */
export type Think = Duration | { readonly from: Duration; readonly to: Duration } | {
  readonly mean: Duration
}

/** A think time with its lengths in milliseconds. */
export type ThinkTime =
  | { readonly kind: 'fixed'; readonly ms: number }
  | { readonly kind: 'uniform'; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: 'exponential'; readonly meanMs: number }

/** Takes one value of a think time, in milliseconds. */
export function thinkMs (think: ThinkTime, random: Random): number {
  switch (think.kind) {
    case 'fixed':
      return think.ms
    case 'uniform':
      return think.fromMs + random() * (think.toMs - think.fromMs)
    case 'exponential':
      // 1 - random() is above 0, whose logarithm there is.
      return -Math.log(1 - random()) * think.meanMs
  }
}

/**
 * Reads a think time.
 *
 * @param setting names it in the error
 * @throws SettingError
 */
export function resolveThink (think: Think, setting: string): ThinkTime {
  if (typeof think === 'number' || typeof think === 'string') {
    return { kind: 'fixed', ms: parseDuration(think, setting) }
  }
  if (typeof think === 'object' && think !== null && 'mean' in think) {
    return { kind: 'exponential', meanMs: parseDuration(think.mean, `${setting}.mean`) }
  }
  if (typeof think === 'object' && think !== null && 'from' in think) {
    const fromMs = parseDuration(think.from, `${setting}.from`)
    const toMs = parseDuration(think.to, `${setting}.to`)
    if (toMs >= fromMs) return { kind: 'uniform', fromMs, toMs }
    throw new SettingError(`${setting}.to`, `at least ${setting}.from (${think.from})`, think.to)
  }
  throw new SettingError(setting, 'a duration such as "500ms", { from, to } or { mean }', think)
}
