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
  { concurrency = 10, prefetch = 3_000 }: TierOptions = {}
): TierLimits {
  promiseMsOf(tier, `jobs.tiers: ${tier}`)
  checkWhole(concurrency, 1, 1_000, `jobs.tiers.${tier}.concurrency`)
  checkWhole(prefetch, 0, 5_000, `jobs.tiers.${tier}.prefetch`)
  return { concurrency, prefetch }
}

function checkWhole (value: number, least: number, most: number, setting: string): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new SettingError(setting, `a whole number from ${least} to ${most}`, value)
}
