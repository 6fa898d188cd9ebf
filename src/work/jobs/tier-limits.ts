import { SettingError } from '../../kernel/index.ts'
import type { TierOptions } from './jobs-options.ts'
import { promiseMsOf } from './tier.ts'
import type { TierLimits } from './worker/index.ts'

/**
 * The limits of a tier, with the defaults filled in.
 *
 * @throws SettingError
 */
export function tierLimits (
  tier: string,
  { concurrency = 10, prefetch = 500 }: TierOptions = {}
): TierLimits {
  promiseMsOf(tier, `jobs.tiers: ${tier}`)
  checkWhole(concurrency, 1, `jobs.tiers.${tier}.concurrency`)
  checkWhole(prefetch, 0, `jobs.tiers.${tier}.prefetch`)
  return { concurrency, prefetch }
}

function checkWhole (value: number, least: number, setting: string): void {
  if (!(Number.isInteger(value) && value >= least && value <= 1_000))
    throw new SettingError(setting, `a whole number from ${least} to 1,000`, value)
}
