import {
  type BackoffLimits,
  type Clock,
  type Duration,
  parseDuration,
  type Random,
  runWithoutContext,
  SettingError,
  systemClock,
  systemRandom,
} from '../../../kernel/index.ts'
import type { MetricsRegistry } from '../../../telemetry/index.ts'
import type { EdgeKeys } from '../policy/index.ts'
import type { EdgePurger, PurgeMode } from './edge-purger.ts'
import { purgerMetrics, type QueueGauges, queueGauges } from './metrics.ts'
import type { PurgeQueue } from './purge-queue.ts'
import { type OnPurgeFailure, PurgeRelay } from './purge-relay.ts'

export interface EdgePurgesOptions<Tx> {
  /** All edges in front of the service, in all regions: each hears of each purge. */
  readonly purgers: readonly EdgePurger[]
  readonly queue: PurgeQueue<Tx>
  /** The ones that wrote the headers: `EdgeHeaders.keys`. */
  readonly keys: EdgeKeys
  readonly registry: MetricsRegistry
  /**
   * Purges the service's own cache; hard, whatever the edges are told: a stale copy that it gave to an edge would be kept
   * there as a fresh one. It is awaited before an edge is told, which may come back at once. @default nothing
   */
  readonly before?: (tags: readonly string[]) => Promise<unknown>
  /**
   * When each purge is repeated: a response that was on its way to the edge during the purge may have been kept
   * after it. Longer than the slowest response; `false` for not at all. @default '5s'
   */
  readonly repeat?: Duration | false
  /** The longest pause between two looks for purges of other processes; own ones are seen at once. @default '1s' */
  readonly poll?: Duration
  /** How long another process waits before it takes over from one that died in the middle. @default '30s' */
  readonly lease?: Duration
  /** Pauses after failures. @default from 100 ms up to 1 min */
  readonly backoff?: BackoffLimits
  /** @default nothing is said; the metrics count */
  readonly onFailure?: OnPurgeFailure
  /** @default the system's clock */
  readonly clock?: Clock
  /** @default the system's randomness */
  readonly random?: Random
}

const depthEveryMs = 10_000

/**
 * Tells the edges what has changed: at least once, whatever fails in between, if the queue is durable.
 *
 * @typeParam Tx the transaction of a durable queue
 */
export class EdgePurges<Tx> implements AsyncDisposable {
  readonly #options: EdgePurgesOptions<Tx>
  readonly #relays: readonly PurgeRelay[]
  readonly #gauges: QueueGauges
  readonly #clock: Clock
  #stopDepths: () => void = () => {}
  #seen: Set<string> = new Set()

  /** @throws SettingError */
  constructor (options: EdgePurgesOptions<Tx>) {
    const { purgers, queue, keys, before, registry, onFailure = () => {} } = options
    const { clock = systemClock, random = systemRandom } = options
    const names = purgers.map(({ name }) => name)
    if (names.length === 0 || new Set(names).size < names.length) {
      throw new SettingError('edge.purgers', 'at least one, each with a name of its own', names)
    }
    const leaseMs = atLeast('edge.lease', options.lease ?? '30s', 1_000)
    const pollMs = atLeast('edge.poll', options.poll ?? '1s', 5)
    const repeatMs = options.repeat === false ? undefined : atLeast('edge.repeat', options.repeat ?? '5s', 1)
    const { backoff = { baseMs: 100, capMs: 60_000 } } = options
    this.#options = options
    this.#clock = clock
    this.#gauges = queueGauges(registry)
    this.#relays = purgers.map((purger) =>
      new PurgeRelay({
        purger,
        queue,
        keys,
        before,
        leaseMs,
        pollMs,
        repeatMs,
        backoff,
        metrics: purgerMetrics(registry, purger.name),
        onFailure,
        clock,
        random,
      })
    )
  }

  /** Whether purges outlive this process. */
  get durable (): boolean {
    return this.#options.queue.durable
  }

  /** Makes the queue's tables where they are missing. */
  prepare (): Promise<void> {
    return this.#options.queue.prepare()
  }

  /** Starts to bring what waits, from whichever process, to the edges. Before it, purges only wait. */
  start (): void {
    runWithoutContext(() => {
      for (const relay of this.#relays) relay.start()
      this.#stopDepths = this.#clock.every(depthEveryMs, () => void this.#readDepths())
    })
  }

  /**
   * Purges some tags if and when `tx` commits.
   *
   * @param tx undefined where there is nothing to commit with: they are purged once this resolves
   * @param mode soft lets edges serve what they have while they fetch anew. @default 'soft'
   */
  async enqueue (tx: Tx | undefined, tags: readonly string[], mode: PurgeMode = 'soft'): Promise<void> {
    if (mode !== 'soft' && mode !== 'hard') throw new SettingError('mode', '"soft" or "hard"', mode)
    const unique = [...new Set(tags)]
    if (!unique.every((tag) => typeof tag === 'string')) throw new SettingError('tags', 'texts', tags)
    if (unique.length === 0) return
    const purges = this.#options.purgers.flatMap(({ name }) =>
      unique.map((tag) => ({ purger: name, tag, mode }))
    )
    await this.#options.queue.enqueue(tx, purges)
    for (const relay of this.#relays) relay.nudge()
  }

  /**
   * Purges everything, hard, at every edge that can; now and not through the queue, for a person to see it work.
   *
   * @throws AggregateError of what each edge that failed has said
   */
  async purgeAll (): Promise<void> {
    const outcomes = await Promise.allSettled(
      this.#options.purgers.map(async (purger) => purger.purgeAll?.())
    )
    const errors = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as Error] : []
    )
    if (errors.length > 0) throw new AggregateError(errors, errors.map(({ message }) => message).join('; '))
  }

  /** Ends after the calls under way. What waits stays in a durable queue. */
  async close (): Promise<void> {
    this.#stopDepths()
    await Promise.all(this.#relays.map((relay) => relay.close()))
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  async #readDepths (): Promise<void> {
    const { waiting, oldest } = this.#gauges
    try {
      const depths = await this.#options.queue.depths()
      const seen = new Set(depths.map(({ purger }) => purger))
      for (const purger of [...this.#seen].filter((known) => !seen.has(known))) {
        waiting.slot({ purger }).set(0)
        oldest.slot({ purger }).set(0)
      }
      for (const { purger, waiting: length, oldestMs } of depths) {
        waiting.slot({ purger }).set(length)
        oldest.slot({ purger }).set(oldestMs / 1_000)
      }
      this.#seen = seen
    } catch {
      // The relays hear of a queue that does not answer, and say it.
    }
  }
}

function atLeast (setting: string, value: Duration, leastMs: number): number {
  const ms = parseDuration(value, setting)
  if (ms < leastMs) throw new SettingError(setting, `a duration of at least ${leastMs} ms`, value)
  return ms
}
