import type { Cancel } from '../../kernel/index.ts'
import type { GaugeFamily, MetricsRegistry } from '../../telemetry/index.ts'
import type { TierState } from './store/index.ts'
import { promiseMsOf } from './tier.ts'

/** Shows how the tiers stood at the last look, whoever took it. */
export class TierGauges {
  readonly #tiers: readonly string[]
  readonly #jobs: GaugeFamily<'tier' | 'state'>
  readonly #oldest: GaugeFamily<'tier'>
  readonly #listeners: Set<(tiers: readonly TierState[]) => void> = new Set()

  /** @param tiers those of the service's jobs */
  constructor (registry: MetricsRegistry, tiers: readonly string[]) {
    this.#tiers = tiers
    this.#jobs = registry.gauge({
      name: 'plimsoll_jobs',
      help: 'Jobs of the whole fleet, by tier and state, as of the last look; exact to 10,000.',
      labels: ['tier', 'state'],
      merge: 'max',
    })
    this.#oldest = registry.gauge({
      name: 'plimsoll_jobs_oldest_age_seconds',
      help: 'How long the job that has waited longest has been due.',
      labels: ['tier'],
      merge: 'max',
    })
    const promise = registry.gauge({
      name: 'plimsoll_jobs_promise_seconds',
      help: 'The wait that the tier promises.',
      labels: ['tier'],
      merge: 'max',
    })
    for (const tier of tiers) promise.slot({ tier }).set(promiseMsOf(tier) / 1_000)
  }

  /** Hears of each look. */
  hear (listener: (tiers: readonly TierState[]) => void): Cancel {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  show (states: readonly TierState[]): void {
    const seen = new Map(states.map((state) => [state.tier, state]))
    for (const tier of new Set([...this.#tiers, ...seen.keys()])) {
      const { depth = 0, running = 0, later = 0, held = 0, dead = 0, oldestMs = 0 } = seen.get(tier) ?? {}
      const counts = { waiting: depth, running, later, held, dead }
      for (const [state, count] of Object.entries(counts)) this.#jobs.slot({ tier, state }).set(count)
      this.#oldest.slot({ tier }).set(oldestMs / 1_000)
    }
    for (const listener of this.#listeners) listener(states)
  }
}
