import { type Context, SettingError } from '../../kernel/index.ts'

/** Kinds of work that share a pool, none of which may take all of it from another. */
export const poolClasses = ['interactive', 'worker', 'relay'] as const

/** Requests that someone waits for; background work and jobs; the relay of an outbox. */
export type PoolClass = (typeof poolClasses)[number]

/** Connections that only work of the class may use. @default 0 each: all share all */
export type PoolReserves = Readonly<Partial<Record<PoolClass, number>>>

/** That of work which does not say: background work is the worker's. */
export function classOf (context: Context | undefined): PoolClass {
  return context?.criticality === 'background' ? 'worker' : 'interactive'
}

/**
 * Counts who uses the connections of a pool. What is not reserved is for all, first come, first served; a reserve
 * that its class does not use stays free for it.
 */
export class PoolShares {
  readonly #max: () => number
  readonly #reserved: Record<PoolClass, number>
  readonly #used: Record<PoolClass, number> = { interactive: 0, worker: 0, relay: 0 }
  #lent = 0

  /**
   * @param max connections of the pool, as it is now
   * @throws SettingError for a reserve below 0, and for reserves that leave a class without any connection
   */
  constructor (max: () => number, { interactive = 0, worker = 0, relay = 0 }: PoolReserves) {
    this.#max = max
    this.#reserved = { interactive, worker, relay }
    for (const poolClass of poolClasses) {
      const reserved = this.#reserved[poolClass]
      if (!Number.isInteger(reserved) || reserved < 0) {
        throw new SettingError(`reserves.${poolClass}`, 'a whole number of at least 0', reserved)
      }
      const others = interactive + worker + relay - reserved
      if (others >= max()) {
        const rule =
          `at most ${max() - 1} without that of class ${poolClass}, which would get no connection ` +
          `of the pool's ${max()} otherwise`
        throw new SettingError('reserves', rule, others)
      }
    }
    if (interactive + worker + relay > max()) {
      throw new SettingError('reserves', `at most ${max()} together`, interactive + worker + relay)
    }
  }

  get lent (): number {
    return this.#lent
  }

  usedBy (poolClass: PoolClass): number {
    return this.#used[poolClass]
  }

  mayTake (poolClass: PoolClass): boolean {
    let free = this.#max() - this.#lent
    for (const other of poolClasses) {
      if (other !== poolClass) free -= Math.max(0, this.#reserved[other] - this.#used[other])
    }
    return free > 0
  }

  take (poolClass: PoolClass): void {
    this.#lent++
    this.#used[poolClass]++
  }

  giveBack (poolClass: PoolClass): void {
    this.#lent--
    this.#used[poolClass]--
  }
}
