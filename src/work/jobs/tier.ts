import { formatDuration, parseDuration, SettingError } from '../../kernel/index.ts'

/**
 * A queue of its own, named by the wait that it promises: a job of `within-5s` should have begun 5 seconds after it is
 * due. Each tier has its own workers and limits, so that a tier which breaks its promise breaks no other one's.
 */
export type Tier = `within-${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/** For jobs that name none. */
export const defaultTier: Tier = 'within-1m'

const prefix = 'within-'

/**
 * Reads the promise out of a tier's name.
 *
 * @returns milliseconds, at least 1
 * @throws SettingError for a name that is not in its shortest form, since `within-60s` would be another queue than
 *   `within-1m`
 */
export function promiseMsOf (tier: string, setting = 'job.tier'): number {
  const rule = 'named by the wait it promises, e.g. "within-5s", "within-1m" or "within-1h"'
  if (typeof tier !== 'string' || !tier.startsWith(prefix)) throw new SettingError(setting, rule, tier)
  let promiseMs: number
  try {
    promiseMs = parseDuration(tier.slice(prefix.length))
  } catch {
    throw new SettingError(setting, rule, tier)
  }
  const shortest = `${prefix}${formatDuration(promiseMs)}`
  if (!(promiseMs >= 1) || tier !== shortest)
    throw new SettingError(setting, `${rule}; in its shortest form`, tier)
  return promiseMs
}

/** Whether it is a tier's name: another library, or another release, may have written others. */
export function isTier (name: string): name is Tier {
  try {
    return promiseMsOf(name) > 0
  } catch {
    return false
  }
}
