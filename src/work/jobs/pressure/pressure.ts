import type { Pool } from 'pg'
import {
  type Cancel,
  type Clock,
  type Random,
  runWithoutContext,
  SettingError,
  systemClock,
  systemRandom,
} from '../../../kernel/index.ts'
import type { Logger, MetricsRegistry } from '../../../telemetry/index.ts'
import type { JobStore, TierState } from '../store/index.ts'
import { promiseMsOf } from '../tier.ts'
import { readAttendance } from './attendance-table.ts'
import { type Backlogs, postgresBacklogs } from './backlogs.ts'
import { TierOverloadedError } from './errors.ts'
import { FlowRate } from './flow-rate.ts'
import { type PressureMetrics, pressureMetrics, toldConditions } from './metrics.ts'
import { Strangers, strangersOf } from './strangers.ts'
import {
  judgeTier,
  refusalOf,
  type TierCondition,
  type TierReading,
  type TierVerdict,
  type WaitingTenant,
} from './tier-pressure.ts'

export interface PressureOptions {
  readonly pool: Pool
  /** Where `attendedStore` writes. @default the first schema of the search path */
  readonly schema?: string | undefined
  readonly store: Pick<JobStore, 'name' | 'tiers'>
  /** @default those of the PostgreSQL store; of another one, tenants are not told apart, so that a late tier refuses all */
  readonly backlogs?: Backlogs | undefined
  /** Those of the service's jobs. */
  readonly tiers: readonly string[]
  /** A tenant's share of a tier, relative to the others'. @default 1 for each */
  readonly weights?: ((tenant: string) => number) | undefined
  readonly registry: MetricsRegistry
  /** @default nothing is logged */
  readonly logger?: Logger | undefined
  /** Between looks, in milliseconds; 250 to 60,000. @default 2,000 */
  readonly everyMs?: number
  readonly clock?: Clock
  readonly random?: Random
}

/** A tier as of the last look. */
export interface TierPressure extends TierReading, TierVerdict {}

interface Known extends TierPressure {
  readonly atMs: number
  readonly tenants: readonly WaitingTenant[] | undefined
}

/** What is so many intervals old says nothing any more. */
const staleAfter = 10
const rateWindowMs = 15_000
/** A tier that stays bad is told about again after so long, in milliseconds. */
const tellAgainMs = 60_000

/**
 * Knows how the tiers stand, and refuses jobs that would be late, without asking anybody: it looks every 2 seconds beside
 * the requests. What it knows is as old as that; while it cannot look, it refuses nobody.
 */
export class Pressure implements AsyncDisposable {
  readonly #options: PressureOptions
  readonly #everyMs: number
  readonly #clock: Clock
  readonly #random: Random
  readonly #metrics: PressureMetrics
  readonly #strangers: Strangers
  readonly #backlogs: Backlogs | undefined
  readonly #known: Map<string, Known> = new Map()
  readonly #drains: Map<string, FlowRate> = new Map()
  readonly #told: Map<string, { readonly condition: TierCondition; readonly atMs: number }> = new Map()
  #cancel: Cancel | undefined
  #looking: Promise<void> | undefined

  /** @throws SettingError for an interval out of range */
  constructor (options: PressureOptions) {
    const { everyMs = 2_000, clock = systemClock, random = systemRandom, registry, schema } = options
    if (!(everyMs >= 250 && everyMs <= 60_000))
      throw new SettingError('pressure.everyMs', 'from 250 to 60,000', everyMs)
    this.#options = options
    this.#everyMs = everyMs
    this.#clock = clock
    this.#random = random
    this.#metrics = pressureMetrics(registry)
    this.#strangers = new Strangers(registry, options.logger)
    const isOurs = options.store.name === 'postgres'
    this.#backlogs = options.backlogs ?? (isOurs ? postgresBacklogs(options.pool, schema) : undefined)
  }

  start (): void {
    this.#cancel ??= runWithoutContext(() =>
      this.#clock.every(this.#everyMs, () => {
        // One look at a time, however long the database takes for it.
        this.#looking ??= this.look()
          .catch(() => {
            // The database is away: whoever needs it says so.
          })
          .finally(() => this.#looking = undefined)
      })
    )
  }

  /** How a tier stood at the last look; `undefined` before the first, and when that is too long ago. */
  of (tier: string): TierPressure | undefined {
    return this.#fresh(tier)
  }

  /**
   * Call it before a job is enqueued for somebody who can come back later: a request, not a job.
   *
   * @param tenant whose job it is; '' for nobody's in particular
   * @throws TierOverloadedError when the job would be started later than its tier promises
   */
  check (tier: string, tenant = ''): void {
    const known = this.#fresh(tier)
    if (known === undefined || known.condition === 'ok' || known.condition === 'at_risk') return
    const refusal = refusalOf(known, known, known.tenants, tenant, this.#options.weights)
    if (refusal === undefined) return
    this.#metrics.refused.slot({ tier, reason: refusal.reason }).add(1)
    // Those who were refused together do not come back together.
    throw new TierOverloadedError(tier, refusal.reason, refusal.retryAfterMs * (1 + 0.25 * this.#random()))
  }

  /** Looks at once. */
  async look (): Promise<void> {
    const { pool, schema, store, tiers } = this.#options
    const [states, attended] = await Promise.all([store.tiers(), readAttendance(pool, schema)])
    const atMs = this.#clock.now()
    const stateOf = new Map(states.map((state) => [state.tier, state]))
    for (const tier of new Set([...tiers, ...stateOf.keys()])) {
      const { taken = 0, workers = 0 } = attended.get(tier) ?? {}
      const reading = this.#read(tier, stateOf.get(tier), taken, workers, atMs)
      const verdict = judgeTier(this.#foundTwice(reading) ? reading : { ...reading, workers: undefined })
      const isLate = verdict.condition === 'late'
      const tenants = isLate ? await this.#backlogs?.(tier, reading.depth) : undefined
      this.#known.set(tier, { ...reading, ...verdict, tenants, atMs })
      this.#show(reading, verdict)
      this.#tell(reading, verdict, atMs)
      this.#strangers.see(tier, reading.promiseMs, strangersOf(stateOf.get(tier) ?? {}, attended.get(tier)))
    }
  }

  async close (): Promise<void> {
    this.#cancel?.()
    await this.#looking
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.close()
  }

  #fresh (tier: string): Known | undefined {
    const known = this.#known.get(tier)
    const isFresh = known !== undefined && this.#clock.now() - known.atMs < staleAfter * this.#everyMs
    return isFresh ? known : undefined
  }

  /**
   * Whether nobody works on the tier, now and at the look before: workers that have just started, or come back with the
   * database, have yet to say that they are there.
   */
  #foundTwice ({ tier, workers }: TierReading): boolean {
    return workers !== 0 || this.#known.get(tier)?.workers === 0
  }

  #read (
    tier: string,
    state: TierState | undefined,
    taken: number,
    workers: number,
    atMs: number
  ): TierReading {
    const before = this.#known.get(tier)
    const { depth = 0, oldestMs = 0 } = state ?? {}
    let drain = this.#drains.get(tier)
    if (drain === undefined) this.#drains.set(tier, drain = new FlowRate(rateWindowMs))
    drain.note(taken, atMs)
    const growthPerSecond = before === undefined || atMs <= before.atMs ?
      0 :
      (depth - before.depth) / (atMs - before.atMs) * 1_000
    const promiseMs = promisedMs(tier)
    return { tier, promiseMs, depth, oldestMs, drainPerSecond: drain.perSecond, growthPerSecond, workers }
  }

  #show ({ tier, drainPerSecond = 0, workers = 0 }: TierReading, verdict: TierVerdict): void {
    const { drain, expectedWait, workers: present, conditions } = this.#metrics
    drain.slot({ tier }).set(drainPerSecond)
    expectedWait.slot({ tier }).set(verdict.expectedWaitMs / 1_000)
    present.slot({ tier }).set(workers)
    for (const condition of toldConditions)
      conditions.slot({ tier, condition }).set(condition === verdict.condition ? 1 : 0)
  }

  /** Says aloud what has changed, and what stays bad now and then. */
  #tell (reading: TierReading, { condition, expectedWaitMs }: TierVerdict, atMs: number): void {
    const { logger } = this.#options
    const { tier, depth, oldestMs, drainPerSecond, workers } = reading
    const told = this.#told.get(tier)
    const isSame = (told?.condition ?? 'ok') === condition
    if (isSame && (condition === 'ok' || atMs - (told?.atMs ?? 0) < tellAgainMs)) return
    this.#told.set(tier, { condition, atMs })
    const facts = {
      tier,
      condition,
      waiting: depth,
      oldest_ms: Math.round(oldestMs),
      drain_per_second: drainPerSecond,
      expected_wait_ms: Number.isFinite(expectedWaitMs) ? Math.round(expectedWaitMs) : undefined,
      workers,
    }
    if (condition === 'ok') logger?.info(facts, `jobs of ${tier} are started in time again`)
    else if (condition === 'at_risk')
      logger?.warn(facts, `jobs of ${tier} will be late: add workers, or send fewer`)
    else if (condition === 'late')
      logger?.error(
        facts,
        `jobs of ${tier} are started later than it promises: add workers, or start a release that has those that wait`
      )
    else logger?.error(facts, `jobs wait in ${tier}, and no worker is up for it: start one`)
  }
}

/** Tiers of another release may be named otherwise: they promise a minute. */
function promisedMs (tier: string): number {
  try {
    return promiseMsOf(tier)
  } catch {
    return 60_000
  }
}
