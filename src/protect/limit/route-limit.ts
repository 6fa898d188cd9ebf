import { createHash } from 'node:crypto'
import type { Random } from '../../kernel/index.ts'
import type { CompiledRule } from './compiled-rule.ts'
import { describeLimits, type LimitDescription } from './describe.ts'
import { policyHeader } from './header-writer.ts'
import { refusalOf, type RuleSet, Ruling } from './ruling.ts'
import { Claim, type LimitStore, type Outcome } from './store.ts'
import type { LimitSubject } from './subject.ts'

/** Somebody was limited, or would have been by a shadow rule. */
export interface LimitedEvent {
  readonly route: string
  readonly rule: string
  readonly shadow: boolean
  /** What the rule counts by. */
  readonly by: string
  /**
   * Whom it hit: the client's address (IPv6 by /64), the tenant, plan or agent; API keys and keys of functions
   * only as 12 hex digits of their SHA-256.
   */
  readonly who: string
  readonly waitMs: number
}

/** What all routes of a limiter share. */
export interface Shared {
  readonly store: LimitStore
  readonly random: Random
  readonly jitter: number
  readonly onLimited: ((event: LimitedEvent) => void) | undefined
  /** Whether `RateLimit` and `RateLimit-Policy` are written. */
  readonly writesHeaders: boolean
}

/** Combinations of rules that are kept; keys of your own functions could make up to 2^16. */
const mostParts = 64

/** The limits of one route, settled at boot. */
export class RouteLimit {
  readonly route: string
  readonly #shared: Shared
  readonly #set: RuleSet
  /** For routes whose rules depend on the subject's plan. */
  readonly #setsByPlan: ReadonlyMap<string, RuleSet> | undefined

  constructor (
    route: string,
    rules: readonly CompiledRule[],
    rulesByPlan: ReadonlyMap<string, readonly CompiledRule[]> | undefined,
    shared: Shared
  ) {
    this.route = route
    this.#shared = shared
    this.#set = this.#setOf(rules)
    this.#setsByPlan = rulesByPlan &&
      new Map([...rulesByPlan].map(([plan, planned]) => [plan, this.#setOf([...rules, ...planned])]))
  }

  /** Whether any rule can apply; without one, do not ask. */
  get limited (): boolean {
    return this.#set.rules.length > 0 || this.#setsByPlan !== undefined
  }

  /** The value of `RateLimit-Policy` for a subject to whom all rules of the route apply, those of plans left out. */
  get policyHeader (): string {
    return this.#set.policy ?? ''
  }

  /** For the API description: plain data. */
  describe (): LimitDescription {
    return describeLimits(this.#set.rules, this.#setsByPlan)
  }

  /**
   * Decides over all rules in one step: everything is taken, or nothing. A promise only where the store needs one.
   *
   * @param nowMs the request's arrival on the limiter's clock (`now()`), where it has been read anyway
   */
  take (subject: LimitSubject, nowMs?: number): Ruling | Promise<Ruling> {
    let set = this.#rulesFor(subject)
    const { rules } = set
    const claims: Claim[] = []
    let applied = 0
    for (let at = 0; at < rules.length; at++) {
      const { keyOf, costOf, limit } = rules[at] as CompiledRule
      const key = keyOf(subject)
      if (key === undefined) continue
      claims.push(new Claim(limit, key, costOf(subject)))
      applied |= 1 << at
    }
    if (claims.length === 0) return new Ruling(this.#shared.store, noRules, claims, undefined)
    if (claims.length < rules.length) set = this.#partOf(set, applied)
    const outcome = this.#shared.store.take(claims, nowMs)
    return outcome instanceof Promise ?
      outcome.then((settled) => this.#rule(set, claims, settled)) :
      this.#rule(set, claims, outcome)
  }

  #rulesFor ({ plan }: LimitSubject): RuleSet {
    const sets = this.#setsByPlan
    if (sets === undefined) return this.#set
    return (plan === undefined ? undefined : sets.get(plan)) ?? sets.get('default') ?? this.#set
  }

  #rule (set: RuleSet, claims: readonly Claim[], refusedBy: Outcome): Ruling {
    for (let at = 0; at < claims.length; at++) {
      const { waitMs, limit, decidedBy } = claims[at] as Claim
      const { metrics } = set.rules[at] as CompiledRule
      if (decidedBy !== 'store') metrics.fallback[decidedBy].add()
      if (waitMs === 0) {
        if (refusedBy === undefined) metrics.admitted.add()
      } else {
        ;(limit.shadow ? metrics.shadow : metrics.limited).add()
        this.#report(set.rules[at] as CompiledRule, claims[at] as Claim)
      }
    }
    if (refusedBy === undefined) return new Ruling(this.#shared.store, set, claims, undefined)
    const retryAfterMs = refusedBy.waitMs * (1 + this.#shared.jitter * this.#shared.random())
    return new Ruling(this.#shared.store, set, claims, refusalOf(set, claims, refusedBy, retryAfterMs))
  }

  #report ({ name, by }: CompiledRule, { key, limit, waitMs }: Claim): void {
    const { onLimited } = this.#shared
    if (onLimited === undefined) return
    const secret = by === 'key' || by === 'function'
    const who = secret ? createHash('sha256').update(key).digest('hex').slice(0, 12) : key.slice(0, 100)
    try {
      onLimited({ route: this.route, rule: name, shadow: limit.shadow, by, who, waitMs })
    } catch {
      // A report is no reason to fail the request.
    }
  }

  /** The rules at the positions whose bits are set; kept, since the same few combinations come back. */
  #partOf (set: RuleSet, applied: number): RuleSet {
    const known = set.parts.get(applied)
    if (known !== undefined) return known
    const part = this.#setOf(set.rules.filter((_, at) => (applied >> at & 1) === 1))
    if (set.parts.size < mostParts) set.parts.set(applied, part)
    return part
  }

  #setOf (rules: readonly CompiledRule[]): RuleSet {
    const items = rules.filter(({ limit }) => !limit.shadow).map(({ policyItem }) => policyItem)
    const policy = items.length > 0 && this.#shared.writesHeaders ? items.join(', ') : undefined
    const policyLine = policy === undefined ? undefined : `${policyHeader}: ${policy}\r\n`
    return { rules, policy, policyLine, parts: new Map() }
  }
}

const noRules: RuleSet = { rules: [], policy: undefined, policyLine: undefined, parts: new Map() }
