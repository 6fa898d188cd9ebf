import type { GaugeFamily, Logger, MetricsRegistry } from '../../../telemetry/index.ts'
import type { TierState, WaitingKind } from '../store/index.ts'
import type { Attendance } from './attendance-table.ts'

/**
 * Kinds of jobs that wait in a tier and that none of those who work on it takes: no release that is up defines them any
 * more, or none yet. Where nobody works on the tier at all, that is what is wrong, and none is named.
 */
export function strangersOf (
  { front = [] }: Pick<TierState, 'front'>,
  attendance: Pick<Attendance, 'workers' | 'names'> | undefined
): readonly WaitingKind[] {
  const { workers = 0, names = null } = attendance ?? {}
  if (workers === 0 || names === null) return []
  const known = new Set(names)
  return front.filter(({ name }) => !known.has(name))
}

/** Tells of jobs that nobody runs, once each. */
export class Strangers {
  readonly #gauge: GaugeFamily<'tier' | 'job'>
  readonly #logger: Logger | undefined
  /** By tier: of each name that was found at the last look, whether it was told. */
  readonly #found: Map<string, ReadonlyMap<string, boolean>> = new Map()

  constructor (registry: MetricsRegistry, logger: Logger | undefined) {
    this.#logger = logger
    this.#gauge = registry.gauge({
      name: 'plimsoll_jobs_unknown',
      help:
        'Jobs that wait and that no worker of their tier takes, since no release that is up defines them.',
      labels: ['tier', 'job'],
      merge: 'max',
    })
  }

  /**
   * Hears of a look. A name counts when it was found at the look before, too, since workers that have just started have
   * yet to say what they take; and is told as soon as one of its jobs is late.
   */
  see (tier: string, promiseMs: number, strangers: readonly WaitingKind[]): void {
    const before = this.#found.get(tier)
    const found = new Map<string, boolean>()
    for (const { name, jobs, oldestMs } of strangers) {
      const told = before?.get(name)
      if (told !== undefined) this.#gauge.slot({ tier, job: name }).set(jobs)
      const isDue = told === false && oldestMs > promiseMs
      if (isDue) {
        this.#logger?.error(
          { tier, job: name, waiting: jobs, oldest_ms: Math.round(oldestMs) },
          `jobs ${name} wait in ${tier}, and no worker that is up defines them: start a release that does, or cancel them`
        )
      }
      found.set(name, told === true || isDue)
    }
    for (const name of before?.keys() ?? []) {
      if (!found.has(name)) this.#gauge.slot({ tier, job: name }).set(0)
    }
    this.#found.set(tier, found)
  }
}
