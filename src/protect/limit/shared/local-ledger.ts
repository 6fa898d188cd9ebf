import type { LocalClient, LocalValue } from '../../../engines/index.ts'
import type { Clock } from '../../../kernel/index.ts'
import { type Balance, balance, holdSlots, type State, type Terms } from './balance.ts'
import type { Ask, Holding, Ledger, LedgerOptions, Settlement } from './ledger.ts'
import { QueuePerKey } from './queue-per-key.ts'

export interface LocalLedgerOptions extends LedgerOptions {
  readonly client: LocalClient
  /** Begins the names of all keys. */
  readonly prefix: string
  readonly clock: Clock
}

/** Another worker was faster this often: only a broken engine makes that happen. */
const mostTries = 64

/**
 * Accounts in the local engine: for all workers of one machine, in the supervisor's memory.
 *
 * The engine has no scripts, so an ask is read, reckoned here, and put in place of what was read; when another
 * worker was faster, again. A settlement of several asks takes them all at once and, when one of them then turns
 * out to have no room, gives back the others: meanwhile another worker may be refused though there was room, and
 * never the reverse. Within a worker, asks of one key wait for each other, so only workers compete.
 *
 * Times are the machine's wall clock, which its workers share. Keys expire; when the engine's memory is full it
 * forgets those that were used least recently, so a key that is hammered keeps its state.
 */
export class LocalLedger implements Ledger {
  readonly name = 'local'
  readonly #options: LocalLedgerOptions
  readonly #queue = new QueuePerKey()
  #workers = 1
  #announcedAtMs = Number.NEGATIVE_INFINITY

  constructor (options: LocalLedgerOptions) {
    this.#options = options
  }

  reachable (): boolean {
    return true
  }

  async settle (asks: readonly Ask[]): Promise<Settlement> {
    const { clock, workerLifeMs } = this.#options
    if (clock.now() - this.#announcedAtMs >= workerLifeMs / 4) await this.announce([])
    const balances = await this.#queue.run(asks.map(({ key }) => key), () => this.#settle(asks))
    const admitted = balances.every(({ granted }, at) => granted || asks[at]?.optional === true)
    return { admitted, workers: this.#workers, entries: balances }
  }

  async announce (holdings: readonly Holding[]): Promise<number> {
    const { workerLifeMs, clock } = this.#options
    this.#announcedAtMs = clock.now()
    try {
      await this.#change('workers', workerLifeMs, (state, nowMs) => {
        const next = holdSlots(state, this.#terms(), 1, nowMs)
        this.#workers = Math.max(1, Object.keys(next ?? {}).length)
        return next
      })
    } catch (error) {
      this.#announcedAtMs = Number.NEGATIVE_INFINITY
      throw error
    }
    for (const { key, slots } of holdings) {
      await this.#queue.run(
        [key],
        () => this.#change(key, workerLifeMs, (state, nowMs) => holdSlots(state, this.#terms(), slots, nowMs))
      )
    }
    return this.#workers
  }

  async leave (keys: readonly string[]): Promise<void> {
    const { workerLifeMs } = this.#options
    for (const key of [...keys, 'workers']) {
      await this.#change(key, workerLifeMs, (state, nowMs) => holdSlots(state, this.#terms(), 0, nowMs))
    }
  }

  async #settle (asks: readonly Ask[]): Promise<readonly Balance[]> {
    const done: Balance[] = []
    const states = await Promise.all(asks.map(({ key }) => this.#get(key)))
    const first = asks.map((ask, at) => balance(ask, states[at], this.#terms(), this.#nowMs()))
    const refused = asks.some((ask, at) => first[at]?.granted === false && !ask.optional)
    if (refused) return this.#refuse(asks, first, states)
    await Promise.all(asks.map(async (ask, at) => {
      done[at] = await this.#put(ask, states[at], first[at] as Balance)
    }))
    const late = asks.some((ask, at) => done[at]?.granted === false && !ask.optional)
    if (!late) return done
    // Another worker was faster with one of them: the rest goes back.
    await Promise.all(asks.map((ask, at) => {
      const { granted = false, lease = 0 } = done[at] ?? {}
      return granted ? this.#put({ ...ask, take: 0, want: 0, back: ask.take + lease }) : undefined
    }))
    return done.map((each) => ({ ...each, lease: 0 }))
  }

  /** Nothing is taken; what is given back is. */
  async #refuse (
    asks: readonly Ask[],
    first: readonly Balance[],
    states: readonly (State | undefined)[]
  ): Promise<readonly Balance[]> {
    return Promise.all(asks.map(async (ask, at) => {
      const { granted, waitMs } = first[at] as Balance
      const untouched = { ...ask, take: 0, want: 0 }
      const after = ask.back !== 0 ?
        await this.#put(untouched) :
        balance(untouched, states[at], this.#terms(), this.#nowMs())
      return { ...after, granted, waitMs }
    }))
  }

  /** Puts an ask's outcome in place, reckoning it anew as long as another worker is faster. */
  async #put (ask: Ask, read?: State, reckoned?: Balance): Promise<Balance> {
    let state = reckoned === undefined ? await this.#get(ask.key) : read
    let result = reckoned ?? balance(ask, state, this.#terms(), this.#nowMs())
    for (let tries = 0; tries < mostTries; tries++) {
      if (result.next === state || await this.#swap(ask.key, state, result.next, result.ttlMs)) return result
      state = await this.#get(ask.key)
      result = balance(ask, state, this.#terms(), this.#nowMs())
    }
    throw new Error(`other workers changed one key of the limits ${mostTries} times in a row`)
  }

  async #change (
    key: string,
    ttlMs: number,
    next: (state: State | undefined, nowMs: number) => State | undefined
  ): Promise<void> {
    for (let tries = 0; tries < mostTries; tries++) {
      const state = await this.#get(key)
      if (await this.#swap(key, state, next(state, this.#nowMs()), ttlMs)) return
    }
    throw new Error(`other workers changed one key of the limits ${mostTries} times in a row`)
  }

  #terms (): Terms {
    const { worker, leaseShare, workerLifeMs } = this.#options
    return { worker, leaseShare, workerLifeMs, workers: this.#workers }
  }

  #nowMs (): number {
    return this.#options.clock.epochMs()
  }

  async #get (key: string): Promise<State | undefined> {
    return await this.#options.client.get(`${this.#options.prefix}:${key}`) as State | undefined
  }

  async #swap (
    key: string,
    was: State | undefined,
    next: State | undefined,
    ttlMs: number
  ): Promise<boolean> {
    const name = `${this.#options.prefix}:${key}`
    return this.#options.client.compareAndSet(name, was as LocalValue, next as LocalValue, { ttlMs })
  }
}
