import { type Clock, type Random, SettingError, systemClock, systemRandom } from '../../kernel/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import { type CompiledRule, compileRule, type LimitOf, type RulePlace } from './compiled-rule.ts'
import { refuseContradictions } from './contradictions.ts'
import { type HeaderVersion, headerVersions } from './header-writer.ts'
import type { Limit } from './limit.ts'
import { limitMetrics, type RuleMetrics } from './metrics.ts'
import { ProcessStore } from './process-store.ts'
import { type LimitedEvent, RouteLimit, type Shared } from './route-limit.ts'
import type { LimitRule, RouteRules } from './rule.ts'
import type { LimitStore } from './store.ts'

export interface LimiterOptions {
  readonly registry: MetricsRegistry
  /** Where limits are counted. Yours to close, when you pass one. @default in this process */
  readonly store?: LimitStore
  /** Keys that the store in this process holds at most, at 32 bytes each. @default 1,048,576: 32 MiB */
  readonly keys?: number
  /**
   * Named plans: rules for the subjects of each, counted by tenant over all routes that say `'plan'`. The plan
   * `default` is for subjects of no plan, or of one that is not here; without it they have no plan's rules.
   */
  readonly plans?: Readonly<Record<string, LimitRule | readonly LimitRule[]>>
  /**
   * The share of a wait that is added at random to `Retry-After`, from 0 to 10, so that a crowd does not return at
   * once. @default 0
   */
  readonly jitter?: number
  /** Which version of `RateLimit` and `RateLimit-Policy` is written. @default 'draft-11' */
  readonly headers?: HeaderVersion
  /** Called for each request that is limited, or would be by a shadow rule: for the log. */
  readonly onLimited?: (event: LimitedEvent) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** More rules than this on one request is a mistake. */
const mostRules = 16
const mostLimits = 65_536
const planPattern = /^[\w.-]{1,64}$/

/** Compiles the limits of routes, and owns what they are counted in. */
export class Limiter implements AsyncDisposable {
  readonly #shared: Shared
  readonly #metricsOf: (scope: string, rule: string) => RuleMetrics
  readonly #plans: ReadonlyMap<string, readonly CompiledRule[]>
  readonly #limits = new Map<string, Limit>()
  readonly #ownStore: ProcessStore | undefined

  /** @throws SettingError for an option, or a plan, that cannot be */
  constructor (options: LimiterOptions) {
    const { registry, store, keys, plans = {}, jitter = 0, headers = 'draft-11' } = options
    const { onLimited, clock = systemClock, random = systemRandom } = options
    if (!(jitter >= 0 && jitter <= 10)) throw new SettingError('limit.jitter', 'a share from 0 to 10', jitter)
    if (!headerVersions.includes(headers))
      throw new SettingError('limit.headers', `one of ${headerVersions.join(', ')}`, headers)
    this.#ownStore = store === undefined ?
      new ProcessStore({ clock, ...(keys === undefined ? {} : { keys }) }) :
      undefined
    if (this.#ownStore !== undefined) watchTable(registry, this.#ownStore)
    this.#shared = {
      store: store ?? this.#ownStore as ProcessStore,
      random,
      jitter,
      onLimited,
      writesHeaders: headers !== 'none',
    }
    this.#metricsOf = limitMetrics(registry)
    this.#plans = new Map(
      Object.entries(plans).map(([plan, rules]) => [plan, this.#compilePlan(plan, rules)])
    )
  }

  /**
   * Settles a route's rules, at boot.
   *
   * @param route method and path, e.g. `GET /orders/:id`
   * @throws SettingError naming the route, the rule and the value, for rules that cannot be or contradict each other
   */
  compile (route: string, rules: RouteRules): RouteLimit {
    const setting = `limit of ${route}`
    const list = Array.isArray(rules) ?
      rules as readonly (LimitRule | 'plan')[] :
      [rules as LimitRule | 'plan']
    const place: RulePlace = { setting, scope: route, defaultBy: 'client', defaultAcross: 'route' }
    const own = list.filter((rule) => rule !== 'plan').map((rule) => this.#compileRule(rule, place))
    const planned = list.includes('plan')
    if (planned && this.#plans.size === 0)
      throw new SettingError(setting, "without 'plan' where no plans are declared", 'plan')
    refuseContradictions(own, setting)
    for (const [plan, rules] of planned ? this.#plans : []) {
      refuseContradictions([...own, ...rules], `${setting} with plan ${plan}`)
      if (own.length + rules.length > mostRules)
        throw new SettingError(setting, `at most ${mostRules} rules a request`, own.length + rules.length)
    }
    if (own.length > mostRules) throw new SettingError(setting, `at most ${mostRules} rules`, own.length)
    return new RouteLimit(route, own, planned ? this.#plans : undefined, this.#shared)
  }

  /** Closes the store that this limiter opened itself; a second call does nothing. */
  async close (): Promise<void> {
    await this.#ownStore?.close()
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  #compilePlan (plan: string, rules: LimitRule | readonly LimitRule[]): readonly CompiledRule[] {
    const setting = `limit.plans.${plan}`
    if (!planPattern.test(plan))
      throw new SettingError('limit.plans', 'named by 1 to 64 letters, digits, "_", "." and "-"', plan)
    const list = Array.isArray(rules) ? rules as readonly LimitRule[] : [rules as LimitRule]
    const place: RulePlace = { setting, scope: `plan ${plan}`, defaultBy: 'tenant', defaultAcross: 'service' }
    const compiled = list.map((rule) => this.#compileRule(rule, place))
    refuseContradictions(compiled, setting)
    return compiled
  }

  #compileRule (rule: LimitRule, place: RulePlace): CompiledRule {
    return compileRule(rule, place, { limitOf: this.#limitOf, metricsOf: this.#metricsOf })
  }

  /** The limit of that id: the same one for rules that count together. */
  readonly #limitOf: LimitOf = (figures, setting) => {
    const known = this.#limits.get(figures.id)
    if (known === undefined) {
      if (nextOrdinal === mostLimits)
        throw new SettingError(setting, `one of at most ${mostLimits} rules in a process`, figures.id)
      const limit = { ...figures, ordinal: nextOrdinal++ } as Limit
      this.#limits.set(limit.id, limit)
      return limit
    }
    if (figuresKey(known) !== figuresKey(figures)) {
      const rule = figures.id.startsWith('service ') ?
        'of the same figures on every route where a rule of that name counts across the service' :
        'the only rule of that name there (give one another `name`)'
      throw new SettingError(setting, rule, figures.id)
    }
    return known
  }
}

/** Ordinals are unique in a process, so that limiters can share a store. */
let nextOrdinal = 0

function figuresKey (limit: Omit<Limit, 'ordinal'>): string {
  const { calendar, ordinal: _, ...figures } = limit as Limit & {
    calendar?: { unit: string; timeZone: string }
  }
  return JSON.stringify([figures, calendar?.unit, calendar?.timeZone])
}

function watchTable (registry: MetricsRegistry, store: ProcessStore): void {
  const overflow = registry.counter({
    name: 'plimsoll_limit_table_overflow_total',
    help: 'Takes that found no room in the table of limits and shared a cell: raise limit.keys.',
  }).slot()
  const live = registry.gauge({
    name: 'plimsoll_limit_table_live_ratio',
    help: 'Share of the table of limits that holds state, by a sample.',
    merge: 'max',
  }).slot()
  let told = 0
  registry.onCollect(() => {
    overflow.add(store.overflowed - told)
    told = store.overflowed
    live.set(store.liveShare())
  })
}
