import { problemMediaType, problemType } from '../../kernel/index.ts'
import type { CompiledRule } from './compiled-rule.ts'
import { limitHeader, policyHeader, retryAfterHeader, windowSeconds } from './header-writer.ts'
import { capacityOf } from './limit.ts'
import { limitProblems } from './problems.ts'
import type { RuleSet } from './ruling.ts'

/** One rule for readers and tools of an API description. */
export interface DescribedRule {
  readonly name: string
  readonly kind: string
  /** Units at once. */
  readonly limit: number
  /** Seconds in which all units come back; left out for limits of requests in flight. */
  readonly windowSeconds?: number
  readonly by: string
  /** The plan whose subjects it applies to; left out for all. */
  readonly plan?: string
}

/** What an OpenAPI document says of a route's limits: plain data, to be merged into its operation. */
export interface LimitDescription {
  /** One sentence a rule, for the operation's description. */
  readonly text: string
  readonly extension: { readonly 'x-rate-limits': readonly DescribedRule[] }
  /** By status. */
  readonly responses: Readonly<Record<string, unknown>>
}

/** Shadow rules are not told: they refuse nobody. */
export function describeLimits (
  rules: readonly CompiledRule[],
  setsByPlan: ReadonlyMap<string, RuleSet> | undefined
): LimitDescription {
  const own = rules.filter(isEnforced)
  const planned = [...setsByPlan ?? []].flatMap(([plan, set]) =>
    set.rules.filter((rule) => isEnforced(rule) && !rules.includes(rule)).map((rule) =>
      describeRule(rule, plan)
    )
  )
  const described = [...own.map((rule) => describeRule(rule)), ...planned]
  const all = [...own, ...[...setsByPlan?.values() ?? []].flatMap((set) => set.rules.filter(isEnforced))]
  const codes = all.map(({ problem }) => problem.code)
  return {
    text: described.map(sentence).join(' '),
    extension: { 'x-rate-limits': described },
    responses: described.length === 0 ? {} : {
      429: refusedResponse(429, [...new Set(codes)]),
      ...(all.some(refusesUndecided) ?
        { 503: refusedResponse(503, [limitProblems.LIMIT_UNDECIDED.code]) } :
        {}),
    },
  }
}

function isEnforced ({ limit }: CompiledRule): boolean {
  return !limit.shadow
}

function refusesUndecided ({ limit }: CompiledRule): boolean {
  return limit.whenStoreFails === 'closed'
}

function describeRule ({ name, limit, by }: CompiledRule, plan?: string): DescribedRule {
  const seconds = windowSeconds(limit)
  return {
    name,
    kind: limit.kind,
    limit: capacityOf(limit),
    ...(seconds > 0 ? { windowSeconds: seconds } : {}),
    by: by === 'function' ? 'caller' : by,
    ...(plan === undefined ? {} : { plan }),
  }
}

function sentence ({ name, kind, limit, windowSeconds, by, plan }: DescribedRule): string {
  const whom = by === 'everyone' ? 'for all callers together' : `per ${by}`
  const what = kind === 'concurrency' ? `${limit} at once` : `${limit} in ${windowSeconds} s`
  return `Limit ${name}: ${what} ${whom}${plan === undefined ? '' : ` on plan ${plan}`}.`
}

function refusedResponse (status: 429 | 503, codes: readonly string[]): unknown {
  return {
    description: status === 429 ?
      'A limit is exceeded; `rule` names it. Try again after `Retry-After`.' :
      'A limit cannot be checked; `rule` names it. Try again after `Retry-After`.',
    headers: {
      [retryAfterHeader]: { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } },
      [policyHeader]: { description: 'The limits that apply.', schema: { type: 'string' } },
      [limitHeader]: { description: 'What is left of each.', schema: { type: 'string' } },
    },
    content: {
      [problemMediaType]: {
        schema: {
          type: 'object',
          required: ['type', 'title', 'status', 'code', 'rule', 'limit', 'retryAfterSeconds'],
          properties: {
            type: { type: 'string', enum: codes.map(problemType) },
            title: { type: 'string' },
            status: { type: 'integer', const: status },
            code: { type: 'string', enum: codes },
            detail: { type: 'string' },
            rule: { type: 'string' },
            limit: { type: 'integer' },
            retryAfterSeconds: { type: 'integer' },
            'violated-policies': { type: 'array', items: { type: 'string' } },
          },
        },
      },
    },
  }
}
