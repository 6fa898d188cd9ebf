import { type ExplainedProblemKind, parseDuration, SettingError } from '../../kernel/index.ts'
import { Calendar } from './calendar.ts'
import { limitItemPrefix, policyItem } from './header-writer.ts'
import { capacityOf, type Limit } from './limit.ts'
import type { RuleMetrics } from './metrics.ts'
import { limitProblems } from './problems.ts'
import type { LimitRule } from './rule.ts'
import { type CountedBy, countedBy, type KeyOf, keysOf, type LimitSubject } from './subject.ts'

/** Where a rule stands, for its name in stores, metrics and errors. */
export interface RulePlace {
  /** For errors, e.g. `limit of GET /orders`. */
  readonly setting: string
  /** Names the counters of rules that count for their own place only, e.g. `GET /orders` or `plan pro`. */
  readonly scope: string
  readonly defaultBy: CountedBy
  readonly defaultAcross: 'route' | 'service'
}

/** A rule with all that can be settled at boot. */
export interface CompiledRule {
  readonly name: string
  /** Rules of one scope count the same requests. */
  readonly scope: string
  readonly rule: LimitRule
  readonly limit: Limit
  readonly by: CountedBy | 'function'
  readonly keyOf: KeyOf
  /** Units of a request; whole, at most the limit's capacity. */
  readonly costOf: (subject: LimitSubject) => number
  /** What `costOf` always answers, where it does. */
  readonly fixedCost: number | undefined
  readonly problem: ExplainedProblemKind
  readonly policyItem: string
  readonly limitItemPrefix: string
  readonly metrics: RuleMetrics
}

type Amount = 'perSecond' | 'perMinute' | 'perHour' | 'sliding' | 'quota' | 'concurrent'

const amounts: readonly Amount[] = ['perSecond', 'perMinute', 'perHour', 'sliding', 'quota', 'concurrent']
const otherFields = ['name', 'burst', 'by', 'cost', 'across', 'shadow', 'whenStoreFails']
const perMs = { perSecond: 1_000, perMinute: 60_000, perHour: 3_600_000 }
const namePattern = /^[\w.-]{1,64}$/

const problemOf: Readonly<Record<Limit['kind'], ExplainedProblemKind>> = {
  rate: limitProblems.LIMIT_EXCEEDED,
  sliding: limitProblems.LIMIT_EXCEEDED,
  quota: limitProblems.QUOTA_EXCEEDED,
  concurrency: limitProblems.CONCURRENCY_LIMIT_EXCEEDED,
}

/** What makes counters of its own: the same id is the same counters, in every process. */
export type LimitOf = (limit: Omit<Limit, 'ordinal'>, place: string) => Limit

/** @throws SettingError naming the place, the rule and the value */
export function compileRule (
  rule: LimitRule,
  place: RulePlace,
  { limitOf, metricsOf }: {
    readonly limitOf: LimitOf
    readonly metricsOf: (scope: string, rule: string) => RuleMetrics
  }
): CompiledRule {
  const amount = amountOf(rule, place.setting)
  const by = byOf(rule, place)
  const name = nameOf(rule, amount, by, place.setting)
  const setting = `${place.setting}, rule ${name}`
  checkFlags(rule, setting)
  const across = rule.across ?? (by === 'everyone' ? 'service' : place.defaultAcross)
  // In plans, 'route' would need a route, which a plan has not: its rules count over all routes.
  const scope = across === 'service' && !place.scope.startsWith('plan ') ? 'service' : place.scope
  const limit = limitOf(
    {
      ...figuresOf(rule, amount, setting),
      id: `${scope} ${name}`,
      shadow: rule.shadow ?? false,
      whenStoreFails: rule.whenStoreFails ?? 'share',
    },
    setting
  )
  const fixedCost = fixedCostOf(rule, limit, setting)
  return {
    name,
    scope,
    rule,
    limit,
    by,
    keyOf: keyOfRule(rule, by),
    costOf: costOfRule(rule, limit, fixedCost),
    fixedCost,
    problem: problemOf[limit.kind],
    policyItem: policyItem(name, limit),
    limitItemPrefix: limitItemPrefix(name),
    metrics: metricsOf(scope, name),
  }
}

function amountOf (rule: LimitRule, setting: string): Amount {
  if (typeof rule !== 'object' || rule === null)
    throw new SettingError(setting, "rules, e.g. { perSecond: 5 }, or 'plan'", rule)
  for (const field of Object.keys(rule)) {
    if (!otherFields.includes(field) && !amounts.some((amount) => amount === field))
      throw new SettingError(setting, `made of ${[...amounts, ...otherFields].join(', ')}`, field)
  }
  const given = amounts.filter((amount) => rule[amount] !== undefined)
  const [amount] = given
  if (amount === undefined || given.length > 1)
    throw new SettingError(setting, `exactly one of ${amounts.join(', ')} a rule`, given)
  return amount
}

function byOf (rule: LimitRule, { setting, defaultBy }: RulePlace): CountedBy | 'function' {
  const { by = defaultBy } = rule
  if (typeof by === 'function') return 'function'
  if (!countedBy.includes(by))
    throw new SettingError(`${setting}, by`, `a function or one of ${countedBy.join(', ')}`, by)
  return by
}

function nameOf (rule: LimitRule, amount: Amount, by: string, setting: string): string {
  const { name = `${amount === 'quota' ? `${rule.quota?.per}Quota` : amount}-${by}` } = rule
  if (typeof name !== 'string' || !namePattern.test(name))
    throw new SettingError(`${setting}, name`, '1 to 64 letters, digits, "_", "." and "-"', name)
  return name
}

function checkFlags ({ across, shadow, whenStoreFails }: LimitRule, setting: string): void {
  if (across !== undefined && across !== 'route' && across !== 'service')
    throw new SettingError(`${setting}, across`, '"route" or "service"', across)
  if (shadow !== undefined && typeof shadow !== 'boolean')
    throw new SettingError(`${setting}, shadow`, 'true or false', shadow)
  if (whenStoreFails !== undefined && !['share', 'open', 'closed'].includes(whenStoreFails))
    throw new SettingError(`${setting}, whenStoreFails`, '"share", "open" or "closed"', whenStoreFails)
}

type Figures = Limit extends infer Each ? Each extends Limit ?
      & Pick<Each, 'kind'>
      & Omit<Each, 'id' | 'ordinal' | 'shadow' | 'whenStoreFails'> :
  never :
  never

function figuresOf (rule: LimitRule, amount: Amount, setting: string): Figures {
  if (rule.burst !== undefined && !(amount in perMs))
    throw new SettingError(`${setting}, burst`, 'left out where there is no rate', rule.burst)
  switch (amount) {
    case 'sliding': {
      const { requests, window } = rule.sliding ?? {}
      const windowMs = parseDuration(window, `${setting}, sliding.window`)
      if (!(Number.isInteger(windowMs) && windowMs >= 1))
        throw new SettingError(`${setting}, sliding.window`, 'at least 1 ms, in whole milliseconds', window)
      return { kind: 'sliding', requests: wholeUnits(requests, `${setting}, sliding.requests`), windowMs }
    }
    case 'quota': {
      const { requests, per, timeZone = 'UTC' } = rule.quota ?? {}
      if (per !== 'day' && per !== 'month')
        throw new SettingError(`${setting}, quota.per`, '"day" or "month"', per)
      const calendar = new Calendar(per, timeZone, `${setting}, quota.timeZone`)
      return { kind: 'quota', requests: wholeUnits(requests, `${setting}, quota.requests`), calendar }
    }
    case 'concurrent':
      return { kind: 'concurrency', inFlight: wholeUnits(rule.concurrent, `${setting}, concurrent`) }
    default: {
      const rate = rule[amount]
      if (!(typeof rate === 'number' && rate > 0 && rate <= 1e9))
        throw new SettingError(`${setting}, ${amount}`, 'a number above 0, at most 10^9', rate)
      const burst = wholeUnits(rule.burst ?? Math.ceil(rate), `${setting}, burst`)
      return { kind: 'rate', unitMs: perMs[amount] / rate, burst }
    }
  }
}

function wholeUnits (value: unknown, setting: string): number {
  if (Number.isInteger(value) && value as number >= 1 && value as number <= 1e12) return value as number
  throw new SettingError(setting, 'a whole number of at least 1, at most 10^12', value)
}

function fixedCostOf ({ cost = 1 }: LimitRule, limit: Limit, setting: string): number | undefined {
  if (typeof cost === 'function') return undefined
  const most = capacityOf(limit)
  if (!(Number.isInteger(cost) && cost >= 0 && cost <= most)) {
    throw new SettingError(
      `${setting}, cost`,
      `a function, or a whole number from 0 to what the limit holds at once, ${most}`,
      cost
    )
  }
  return cost
}

function keyOfRule ({ by }: LimitRule, kind: CountedBy | 'function'): KeyOf {
  if (kind !== 'function') return keysOf[kind]
  return (subject) => {
    const key: unknown = (by as (request: unknown, subject: LimitSubject) => unknown)(
      subject.request,
      subject
    )
    return key === undefined || key === null ? undefined : String(key)
  }
}

function costOfRule (
  { cost }: LimitRule,
  limit: Limit,
  fixedCost: number | undefined
): (subject: LimitSubject) => number {
  if (typeof cost !== 'function') return () => fixedCost ?? 1
  const most = capacityOf(limit)
  return (subject) => {
    const units = Math.ceil(cost(subject.request, subject))
    return units >= 0 ? Math.min(units, most) : 1
  }
}
