import { SettingError } from '../../kernel/index.ts'
import type { CompiledRule } from './compiled-rule.ts'
import type { Limit } from './limit.ts'

/**
 * Rules of one request that contradict each other: two of one name, or one that can never refuse because another
 * of the same kind, counted by the same and at the same cost, always refuses first. A mistake either way.
 *
 * @throws SettingError naming the place, the rule and the value
 */
export function refuseContradictions (rules: readonly CompiledRule[], setting: string): void {
  const names = new Set<string>()
  for (const { name } of rules) {
    if (names.has(name)) {
      throw new SettingError(
        `${setting}, names of rules`,
        'different from each other (give one a `name`)',
        name
      )
    }
    names.add(name)
  }
  for (const strict of rules.filter(({ limit }) => !limit.shadow)) {
    const idle = rules.find((rule) =>
      rule !== strict && countAlike(rule, strict) && covers(strict.limit, rule.limit)
    )
    if (idle !== undefined) {
      throw new SettingError(
        `${setting}, rule ${idle.name}`,
        `tighter than rule ${strict.name} in some way: as it is, it can never refuse`,
        idle.policyItem
      )
    }
  }
}

function countAlike (one: CompiledRule, other: CompiledRule): boolean {
  return one.by === other.by && one.rule.by === other.rule.by && one.limit.shadow === other.limit.shadow &&
    one.fixedCost !== undefined && one.fixedCost === other.fixedCost &&
    one.scope === other.scope
}

/** Whether `strict` refuses whatever `loose` would. */
function covers (strict: Limit, loose: Limit): boolean {
  switch (strict.kind) {
    case 'rate':
      return loose.kind === 'rate' && strict.unitMs >= loose.unitMs && strict.burst <= loose.burst
    case 'sliding':
      return loose.kind === 'sliding' && strict.windowMs === loose.windowMs &&
        strict.requests <= loose.requests
    case 'quota':
      // A month that allows no more than a day does.
      return loose.kind === 'quota' && strict.requests <= loose.requests &&
        strict.calendar.timeZone === loose.calendar.timeZone &&
        (strict.calendar.unit === loose.calendar.unit || strict.calendar.unit === 'month')
    case 'concurrency':
      return loose.kind === 'concurrency' && strict.inFlight <= loose.inFlight
  }
}
