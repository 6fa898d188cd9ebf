import type { Cancel } from '../../kernel/index.ts'
import { Heartbeat } from './heartbeat.ts'
import { InFlight } from './in-flight.ts'
import {
  above,
  type IdempotencyOptions,
  type IdempotentRouteOptions,
  type ResolvedOptions,
  resolveIdempotencyOptions,
} from './options.ts'
import { outcomeCounters, type OutcomeFamily, outcomeFamily } from './outcomes.ts'
import { IdempotentRoute } from './route.ts'
import type { StoreTransactions } from './store.ts'

/** Keys deleted by one statement of the clean-up. */
const sweepBatch = 1_000

/**
 * Idempotency keys of a service: each operation takes effect once, however often its request is sent.
 *
 * A request that runs holds a short lease, renewed while it runs; its answer is a record of its own, kept far
 * longer. A crash therefore blocks a key for the rest of a lease at most.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
 */
export class Idempotency<Tx = unknown> implements AsyncDisposable {
  readonly #options: ResolvedOptions<Tx>
  readonly #inFlight: InFlight = new InFlight()
  readonly #heartbeat: Heartbeat
  readonly #family: OutcomeFamily
  readonly #cancelSweep: Cancel
  #sweeping: Promise<void> | undefined
  #closed = false

  /** @throws SettingError */
  constructor (options: IdempotencyOptions<Tx>) {
    this.#options = resolveIdempotencyOptions(options)
    const { store, clock, leaseMs, sweepEveryMs, random } = this.#options
    this.#family = outcomeFamily(options.registry)
    this.#heartbeat = new Heartbeat(store, clock, leaseMs)
    // Workers that started together sweep apart.
    this.#cancelSweep = clock.every(sweepEveryMs * (0.75 + random() / 2), () => {
      this.#sweeping ??= this.#sweep()
    })
  }

  /** Makes what the store needs; call it at boot, before the first request. */
  async prepare (): Promise<void> {
    await this.#options.store.prepare()
  }

  /** Whether an answer can be committed together with the effect, by {@link IdempotentUnit.run}. */
  get transactional (): boolean {
    return this.#options.store.transactions !== undefined
  }

  /** The database's transactions, where answers are kept in it. */
  get transactions (): StoreTransactions<Tx> | undefined {
    return this.#options.store.transactions
  }

  /** @throws SettingError */
  route (options: IdempotentRouteOptions): IdempotentRoute<Tx> {
    const { mode, method, pattern, wait = '10s', keep, whenUnknown = 'refuse' } = options
    const name = `${method} ${pattern} config.idempotency`
    return new IdempotentRoute({
      options: this.#options,
      inFlight: this.#inFlight,
      heartbeat: this.#heartbeat,
      counters: outcomeCounters(this.#family, pattern),
    }, {
      mode,
      method,
      pattern,
      waitMs: wait === 0 ? 0 : above(`${name}.wait`, wait, 0),
      keepMs: keep === undefined ? this.#options.keepMs : above(`${name}.keep`, keep, this.#options.leaseMs),
      whenUnknown,
    })
  }

  /** Stops renewing and cleaning up. Requests that still run keep their leases for the rest of them. */
  async close (): Promise<void> {
    this.#closed = true
    this.#heartbeat.close()
    this.#cancelSweep()
    await this.#sweeping
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  async #sweep (): Promise<void> {
    try {
      while (!this.#closed && await this.#options.store.sweep(sweepBatch) === sweepBatch);
    } catch {
      // The store does not answer; what has expired is not used meanwhile, and the next turn deletes it.
    } finally {
      this.#sweeping = undefined
    }
  }
}
