import type { FastifyRequest } from 'fastify'
import type { Clock, Random } from '../../kernel/index.ts'
import {
  Limiter,
  type LimiterOptions,
  type LimitRule,
  type LimitStore,
  type RouteRules,
} from '../../protect/limit/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'

/** Where and how limits are counted, and those of routes that name none. */
export interface LimitsOptions
  extends Omit<LimiterOptions, 'store' | 'registry' | 'plans' | 'clock' | 'random'>
{
  /** For routes that say nothing of limits, each counted for itself. @default none */
  readonly rules?: RouteRules<FastifyRequest>
  /** Where limits are counted, or what makes it when the first route has any; yours to close. @default this process */
  readonly store?: LimitStore | (() => LimitStore)
}

interface LazyLimiterParts {
  readonly options: LimitsOptions
  /** The rules of each plan that has any. */
  readonly plans: Readonly<Record<string, LimitRule<FastifyRequest> | readonly LimitRule<FastifyRequest>[]>>
  readonly registry: MetricsRegistry
  readonly clock: Clock
  readonly random: Random
}

/** The limiter of an app, made when the first route asks for it: its table takes memory. */
export class LazyLimiter {
  readonly defaultRules: RouteRules<FastifyRequest> | undefined
  readonly #parts: LazyLimiterParts
  #made: Limiter | undefined

  constructor (parts: LazyLimiterParts) {
    this.#parts = parts
    this.defaultRules = parts.options.rules
  }

  get (): Limiter {
    this.#made ??= this.#make()
    return this.#made
  }

  async close (): Promise<void> {
    await this.#made?.close()
  }

  #make (): Limiter {
    const { options: { rules: _, store: given, ...options }, plans: ofRequests, ...shared } = this.#parts
    // The subjects of an app's limits are its requests.
    const plans = ofRequests as NonNullable<LimiterOptions['plans']>
    const store = typeof given === 'function' ? given() : given
    return new Limiter({ ...options, ...shared, plans, ...(store === undefined ? {} : { store }) })
  }
}
