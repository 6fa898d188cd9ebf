import {
  type Cancel,
  type Clock,
  formatDuration,
  type Random,
  runWithoutContext,
} from '../../kernel/index.ts'
import type { GaugeFamily, Logger, MetricsRegistry } from '../../telemetry/index.ts'
import type { JobStore, TierState } from './store/index.ts'
import { promiseMsOf } from './tier.ts'
import { inBackground } from './worker/index.ts'

export interface TierWatchParts {
  readonly store: JobStore
  /** Of the service's jobs. */
  readonly tiers: readonly string[]
  /** Between looks, in milliseconds: a fifth more or less. */
  readonly everyMs: number
  readonly registry: MetricsRegistry
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** A tier that stands still is told about again after so many looks. */
const tellEvery = 12

/** Looks at the tiers now and then: for metrics, and to say aloud when nobody works on one. */
export class TierWatch {
  readonly #parts: TierWatchParts
  readonly #gauges: Gauges
  readonly #listeners: Set<(tiers: readonly TierState[]) => void> = new Set()
  /** Looks in a row at which a tier broke its promise and nobody worked on it. */
  readonly #still: Map<string, number> = new Map()
  #cancel: Cancel | undefined
  #looking: Promise<void> | undefined
  #isClosed = false

  constructor (parts: TierWatchParts) {
    this.#parts = parts
    this.#gauges = gaugesOf(parts.registry)
    for (const tier of parts.tiers) this.#gauges.promise.slot({ tier }).set(promiseMsOf(tier) / 1_000)
  }

  start (): void {
    const { clock, random, everyMs } = this.#parts
    this.#cancel = runWithoutContext(() =>
      clock.after(everyMs * (0.8 + 0.4 * random()), () => {
        // While the store is away, whoever needs it says so, and the gauges stay as they were.
        this.#looking = this.look().then(() => {}, () => {}).finally(() => {
          if (!this.#isClosed) this.start()
        })
      })
    )
  }

  /** Hears of each look. */
  hear (listener: (tiers: readonly TierState[]) => void): Cancel {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async look (): Promise<readonly TierState[]> {
    const { store, clock } = this.#parts
    const states = await inBackground(clock, () => store.tiers())
    this.#show(states)
    for (const state of states) this.#tell(state)
    for (const listener of this.#listeners) listener(states)
    return states
  }

  async close (): Promise<void> {
    this.#isClosed = true
    this.#cancel?.()
    await this.#looking
  }

  #show (states: readonly TierState[]): void {
    const { jobs, oldest } = this.#gauges
    const seen = new Map(states.map((state) => [state.tier, state]))
    for (const tier of new Set([...this.#parts.tiers, ...seen.keys()])) {
      const { depth = 0, running = 0, later = 0, held = 0, dead = 0, oldestMs = 0 } = seen.get(tier) ?? {}
      const counts = { waiting: depth, running, later, held, dead }
      for (const [state, count] of Object.entries(counts)) jobs.slot({ tier, state }).set(count)
      oldest.slot({ tier }).set(oldestMs / 1_000)
    }
  }

  /** Twice in a row, so that a moment between two jobs is not taken for it. */
  #tell ({ tier, depth, oldestMs, running }: TierState): void {
    const { tiers, logger } = this.#parts
    const isStill = depth > 0 && running === 0 && oldestMs > promiseOf(tier)
    const looks = isStill ? (this.#still.get(tier) ?? 0) + 1 : 0
    this.#still.set(tier, looks)
    if (looks % tellEvery !== 2) return
    const why = tiers.includes(tier) ?
      'no worker is up, or the jobs have names that the workers do not know' :
      'no job of this release is in that tier'
    logger.error(
      { tier, waiting: depth, oldest_ms: Math.round(oldestMs) },
      `jobs wait in tier ${tier} for ${
        formatDuration(Math.round(oldestMs / 1_000) * 1_000)
      } and none runs: ${why}`
    )
  }
}

/** Of a tier that another release has named. */
function promiseOf (tier: string): number {
  try {
    return promiseMsOf(tier)
  } catch {
    return 60_000
  }
}

interface Gauges {
  readonly jobs: GaugeFamily<'tier' | 'state'>
  readonly oldest: GaugeFamily<'tier'>
  readonly promise: GaugeFamily<'tier'>
}

function gaugesOf (registry: MetricsRegistry): Gauges {
  return {
    jobs: registry.gauge({
      name: 'plimsoll_jobs',
      help: 'Jobs of the whole fleet, by tier and state, as of the last look; exact to 10,000.',
      labels: ['tier', 'state'],
      merge: 'max',
    }),
    oldest: registry.gauge({
      name: 'plimsoll_jobs_oldest_age_seconds',
      help: 'How long the job that has waited longest has been due.',
      labels: ['tier'],
      merge: 'max',
    }),
    promise: registry.gauge({
      name: 'plimsoll_jobs_promise_seconds',
      help: 'The wait that the tier promises.',
      labels: ['tier'],
      merge: 'max',
    }),
  }
}
