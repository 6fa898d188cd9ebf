import { setImmediate as turn } from 'node:timers/promises'
import { type Clock, type ManualClock, manualClock } from '../../../kernel/index.ts'
import { balance, holdSlots, type State } from './balance.ts'
import type { Ask, Holding, Ledger, LedgerOptions, Settlement } from './ledger.ts'
import { resolveSharedStoreOptions, type SharedStoreOptions, type StoreOutage } from './options.ts'
import { SharedStore } from './shared-store.ts'

/** A ledger in this process, at the other end of a slow line; the clock is ours. */
export class SimulatedLedger {
  readonly clock: ManualClock = manualClock(1_800_000_000_000)
  readonly #states = new Map<string, State>()
  readonly #workers = new Map<string, number>()
  /** Time each way, in milliseconds. */
  oneWayMs = 0
  /** What becomes of what is sent: `lost` is never answered, `refused` fails at once. */
  mode: 'works' | 'lost' | 'refused' = 'works'
  /** Units that were taken by round trips, and when. */
  readonly taken: { readonly atMs: number; readonly units: number }[] = []
  settlements = 0
  readonly #silent = new Set<string>()

  /** One worker's end. */
  open (options: LedgerOptions): Ledger {
    return {
      name: 'simulated',
      reachable: () => true,
      settle: (asks) => this.#trip(options.worker, () => this.#settle(asks, options)),
      announce: (holdings) => this.#trip(options.worker, () => this.#announce(holdings, options)),
      leave: (keys) => this.#trip(options.worker, () => this.#leave(keys, options)),
    }
  }

  store (options: SharedStoreOptions & { readonly worker: string }): SharedStore {
    const resolved = resolveSharedStoreOptions({ clock: this.clock, ...options })
    return new SharedStore(this.open(resolved), resolved)
  }

  /** Moves the time in steps, so that what waits for an answer goes on in between. */
  async advance (ms: number, stepMs: number = ms): Promise<void> {
    await turn()
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(left, stepMs))
      await turn()
    }
  }

  /** Forgets everything, as a server without persistence that restarts. */
  forget (): void {
    this.#states.clear()
    this.#workers.clear()
  }

  /** Nothing from this worker arrives any more. */
  silence (worker: string): void {
    this.#silent.add(worker)
  }

  #trip<Answer> (worker: string, run: () => Answer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.mode === 'refused') return reject(new Error('connect ECONNREFUSED'))
      if (this.mode === 'lost' || this.#silent.has(worker)) return
      const answer = (): void => {
        const result = run()
        later(this.clock, this.oneWayMs, () => resolve(result))
      }
      later(this.clock, this.oneWayMs, answer)
    })
  }

  #settle (asks: readonly Ask[], options: LedgerOptions): Settlement {
    this.settlements++
    const nowMs = this.clock.epochMs()
    const workers = this.#announce([], options)
    const terms = { ...options, workers }
    const tried = asks.map((ask) => balance(ask, this.#states.get(ask.key), terms, nowMs))
    const admitted = tried.every(({ granted }, at) => granted || asks[at]?.optional === true)
    const entries = asks.map((ask, at) => {
      const done = admitted ?
        balance(ask, this.#states.get(ask.key), terms, nowMs) :
        balance({ ...ask, take: 0, want: 0 }, this.#states.get(ask.key), terms, nowMs)
      if (done.next === undefined) this.#states.delete(ask.key)
      else this.#states.set(ask.key, done.next)
      if (admitted && done.granted && ask.take > 0) {
        this.taken.push({ atMs: this.clock.now(), units: ask.take })
      }
      return { ...done, waitMs: tried[at]?.waitMs ?? 0 }
    })
    return { admitted, workers, entries }
  }

  #announce (holdings: readonly Holding[], options: LedgerOptions): number {
    const nowMs = this.clock.epochMs()
    this.#workers.set(options.worker, nowMs + options.workerLifeMs)
    for (const { key, slots } of holdings) {
      const next = holdSlots(this.#states.get(key), { ...options, workers: 1 }, slots, nowMs)
      if (next === undefined) this.#states.delete(key)
      else this.#states.set(key, next)
    }
    return [...this.#workers.values()].filter((expiresAtMs) => expiresAtMs > nowMs).length
  }

  #leave (keys: readonly string[], options: LedgerOptions): void {
    this.#announce(keys.map((key) => ({ key, slots: 0 })), options)
    this.#workers.delete(options.worker)
  }
}

function later (clock: Clock, ms: number, run: () => void): void {
  if (ms === 0) queueMicrotask(run)
  else clock.after(ms, run)
}

/** Records what `onOutage` is told. */
export function outages (): {
  readonly told: StoreOutage[]
  readonly onOutage: (outage: StoreOutage) => void
} {
  const told: StoreOutage[] = []
  return { told, onOutage: (outage) => told.push(outage) }
}
