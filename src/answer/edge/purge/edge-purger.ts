/** Soft: what is kept becomes stale, and may be served while it is refreshed. Hard: it is gone. */
export type PurgeMode = 'soft' | 'hard'

/** What an edge takes; the relay keeps to it. */
export interface PurgeLimits {
  /** Keys in one call, from 1. */
  readonly keysPerCall: number
  /** Bytes of all keys in one call, with one separator each. */
  readonly bytesPerCall: number
  /** Calls per second over time, of this process. */
  readonly callsPerSecond: number
  /** Calls at once from rest, from 1. */
  readonly burst: number
  /** Whether it knows soft purges; where not, each purge is hard. */
  readonly soft: boolean
}

/** One cache in front of the service, or a fleet of them that is told as one. */
export interface EdgePurger {
  /** Names it in the queue and in metrics: `a-z 0-9 _ -`. Keep it over releases, or what waits for it waits for ever. */
  readonly name: string
  readonly limits: PurgeLimits
  /**
   * One call, within the limits. Resolves when the edge has accepted it; doing it twice, or late, does no harm.
   *
   * @throws EdgePurgeError
   */
  purge(keys: readonly string[], mode: PurgeMode, signal?: AbortSignal): Promise<void>
  /**
   * Everything, hard.
   *
   * @throws EdgePurgeError
   */
  purgeAll?(signal?: AbortSignal): Promise<void>
}
