import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../../kernel/index.ts'
import { type Cells, hold, never, roll, settleRate, settleSliding, turn } from './cells.ts'
import { gcraNext, gcraRefund, gcraRemaining, gcraWaitMs } from './gcra.ts'
import { KeyTable, noRoom } from './key-table.ts'
import type { Limit, RateLimit } from './limit.ts'
import { slidingWaitMs, windowIndex } from './sliding-window.ts'
import type { Claim, LimitStore, Outcome } from './store.ts'

export interface ProcessStoreOptions {
  /** @default the system's clock */
  readonly clock?: Clock
  /**
   * Keys that may hold state at once, over all limits; 64 to 2^28, rounded up to a power of two. Each takes 32
   * bytes. A key holds state until it has all its units back. @default 1,048,576 keys: 32 MiB
   */
  readonly keys?: number
  /** 64 bits that nobody outside may know. @default random ones */
  readonly secret?: readonly [number, number]
}

/** Cells of each limit that keys share for which the table has no room. */
const sharedCells = 256

/** What a client is told to wait for a place among those in flight: no clock tells when one is free. */
const concurrencyWaitMs = 1_000

/**
 * Limits counted in this process, in memory of fixed size however many keys there are.
 *
 * State that still matters is never dropped: a flood of other keys cannot free a limited one. When a key's
 * two sets of the table are full of live keys, it shares one of 256 cells of its limit with others in the same
 * plight: it may be limited too early, never too late. Size the table so that this does not happen;
 * `overflowed` counts it.
 *
 * Decisions are synchronous, so each is atomic.
 */
export class ProcessStore implements LimitStore {
  readonly name = 'process'
  readonly #clock: Clock
  readonly #table: KeyTable
  /** By the limit's ordinal; made when a limit first needs them. */
  readonly #shared: (Cells | undefined)[] = []
  // Of the decision under way, by the claim's position.
  readonly #cellsOf: Cells[] = []
  readonly #indexOf: number[] = []
  readonly #stateOf: number[] = []
  /** Takes that found no room in the table, since the start. */
  overflowed = 0

  /** @throws SettingError when `keys` is out of range */
  constructor ({ clock = systemClock, keys = 2 ** 20, secret = randomSecret() }: ProcessStoreOptions = {}) {
    this.#clock = clock
    this.#table = new KeyTable(keys, secret)
  }

  /** Keys that the table holds at most. */
  get keys (): number {
    return this.#table.keys
  }

  /** What the table takes, in bytes. */
  get bytes (): number {
    return this.#table.bytes
  }

  /** The share of the table that holds state now, from 0 to 1, by a sample. */
  liveShare (): number {
    return this.#table.liveShare(this.#clock.now())
  }

  take (claims: readonly Claim[], nowMs: number = this.#clock.now()): Outcome {
    const only = claims.length === 1 ? claims[0] : undefined
    if (only !== undefined && only.limit.kind === 'rate') return this.#takeRate(only, only.limit, nowMs)
    let refusedBy: Outcome
    for (let at = 0; at < claims.length; at++) {
      const claim = claims[at] as Claim
      this.#open(at, claim, nowMs)
      this.#ask(at, claim, nowMs)
      if (
        claim.waitMs > 0 && !claim.limit.shadow &&
        (refusedBy === undefined || claim.waitMs > refusedBy.waitMs)
      )
        refusedBy = claim
    }
    for (let at = 0; at < claims.length; at++) {
      const claim = claims[at] as Claim
      claim.taken = refusedBy === undefined && claim.waitMs === 0
      this.#settle(at, claim, nowMs)
    }
    return refusedBy
  }

  give (claims: readonly Claim[]): void {
    for (const claim of claims) this.#giveBack(claim)
  }

  release (claims: readonly Claim[]): void {
    for (const claim of claims) {
      if (claim.limit.kind === 'concurrency') this.#giveBack(claim)
    }
  }

  async close (): Promise<void> {}

  async [Symbol.asyncDispose] (): Promise<void> {}

  /** The same as the steps below, for the commonest case: one rule, a rate. */
  #takeRate (claim: Claim, limit: RateLimit, nowMs: number): Outcome {
    const table = this.#table
    let cells: Cells = table
    let index = table.locate(limit.ordinal, claim.key, nowMs)
    claim.place = index
    if (index === noRoom || table.isNew) {
      cells = this.#place(claim, index)
      if (index === noRoom) index = -1 - claim.place
    }
    const expiresAtMs = cells.expiresAtMs
    const tatMs = expiresAtMs[index] as number
    const nextMs = gcraNext(tatMs, limit, claim.cost, nowMs)
    const waitMs = gcraWaitMs(nextMs, limit, nowMs)
    const taken = waitMs === 0
    const keptMs = taken ? nextMs : tatMs
    claim.waitMs = taken ? 0 : Math.ceil(waitMs)
    claim.taken = taken
    claim.takenAtMs = nowMs
    expiresAtMs[index] = keptMs
    claim.remaining = gcraRemaining(keptMs, limit, nowMs)
    claim.resetMs = keptMs > nowMs ? Math.ceil(keptMs - nowMs) : 0
    return taken || limit.shadow ? undefined : claim
  }

  /** Finds the claim's numbers, or makes room for them. */
  #open (at: number, claim: Claim, nowMs: number): void {
    const table = this.#table
    let cells: Cells = table
    let index = table.locate(claim.limit.ordinal, claim.key, nowMs)
    claim.place = index
    if (index === noRoom || table.isNew) {
      cells = this.#place(claim, index)
      if (index === noRoom) index = -1 - claim.place
    }
    this.#cellsOf[at] = cells
    this.#indexOf[at] = index
    // The entry stays ours while the other claims look for theirs.
    this.#stateOf[at] = cells.expiresAtMs[index] ?? never
    cells.expiresAtMs[index] = Number.POSITIVE_INFINITY
  }

  /** Begins a new entry; or without room for one, finds the claim a cell. */
  #place (claim: Claim, index: number): Cells {
    const { limit } = claim
    const shared = this.#shared[limit.ordinal]
    if (index !== noRoom) {
      this.#begin(index, limit, shared)
      return this.#table
    }
    this.overflowed++
    claim.place = -1 - this.#table.keyBits % sharedCells
    return shared ?? this.#share(limit)
  }

  /**
   * A new entry starts from rest; but where keys of its limit share cells just now, from its cell's state, for
   * this key may have been counted there.
   */
  #begin (index: number, { kind }: Limit, shared: Cells | undefined): void {
    const table = this.#table
    const cell = table.keyBits % sharedCells
    const counted = shared !== undefined && kind !== 'concurrency'
    table.expiresAtMs[index] = counted ? shared.expiresAtMs[cell] ?? never : never
    table.a[index] = counted ? shared.a[cell] ?? 0 : 0
    table.b[index] = counted ? shared.b[cell] ?? never : never
  }

  #share ({ ordinal }: Limit): Cells {
    const cells: Cells = {
      expiresAtMs: new Float64Array(sharedCells).fill(never),
      a: new Float64Array(sharedCells),
      b: new Float64Array(sharedCells).fill(never),
    }
    this.#shared[ordinal] = cells
    return cells
  }

  /** Writes the wait into the claim; brings counters to the current window or period. */
  #ask (at: number, claim: Claim, nowMs: number): void {
    const { limit, cost } = claim
    const cells = this.#cellsOf[at] as Cells
    const index = this.#indexOf[at] as number
    const state = this.#stateOf[at] as number
    claim.takenAtMs = nowMs
    switch (limit.kind) {
      case 'rate':
        claim.waitMs = Math.ceil(gcraWaitMs(gcraNext(state, limit, cost, nowMs), limit, nowMs))
        break
      case 'sliding': {
        const window = roll(cells, index, limit, state, nowMs)
        const [current, previous] = [cells.a[index] as number, cells.b[index] as number]
        claim.waitMs = Math.ceil(slidingWaitMs(limit, window, current, previous, cost, nowMs))
        this.#stateOf[at] = (window + 2) * limit.windowMs
        break
      }
      case 'quota': {
        const epochMs = this.#clock.epochMs()
        claim.takenAtMs = epochMs
        turn(cells, index, limit, epochMs)
        const full = (cells.a[index] as number) + cost > limit.requests
        const leftMs = limit.calendar.endOf(cells.b[index] as number) - epochMs
        claim.waitMs = full ? Math.ceil(leftMs) : 0
        this.#stateOf[at] = nowMs + leftMs
        break
      }
      case 'concurrency':
        claim.waitMs = (cells.a[index] as number) + cost > limit.inFlight ? concurrencyWaitMs : 0
    }
  }

  /** Takes, or takes not; writes what is left into the claim, and gives the entry its time to live. */
  #settle (at: number, claim: Claim, nowMs: number): void {
    const { limit, taken } = claim
    const cells = this.#cellsOf[at] as Cells
    const index = this.#indexOf[at] as number
    const state = this.#stateOf[at] as number
    const cost = taken ? claim.cost : 0
    switch (limit.kind) {
      case 'rate':
        settleRate(claim, cells, index, limit, taken ? gcraNext(state, limit, cost, nowMs) : state, nowMs)
        break
      case 'sliding':
        cells.a[index] = (cells.a[index] as number) + cost
        settleSliding(claim, cells, index, limit, state, nowMs)
        break
      case 'quota': {
        const count = (cells.a[index] as number) + cost
        cells.a[index] = count
        cells.expiresAtMs[index] = count > 0 ? state : never
        claim.remaining = Math.max(0, Math.floor(limit.requests - count))
        claim.resetMs = count > 0 ? Math.ceil(state - nowMs) : 0
        break
      }
      case 'concurrency':
        hold(cells, index, (cells.a[index] as number) + cost)
        claim.remaining = Math.max(0, Math.floor(limit.inFlight - (cells.a[index] as number)))
        claim.resetMs = 0
    }
  }

  #giveBack (claim: Claim): void {
    const { limit, cost, place } = claim
    if (!claim.taken) return
    claim.taken = false
    const cells = place < 0 ? this.#shared[limit.ordinal] : this.#table
    const index = place < 0 ? -1 - place : this.#table.find(limit.ordinal, claim.key)
    if (cells === undefined || index === noRoom) return // nothing of it is left
    const count = cells.a[index] as number
    switch (limit.kind) {
      case 'rate':
        cells.expiresAtMs[index] = gcraRefund(
          cells.expiresAtMs[index] as number,
          limit,
          claim,
          this.#clock.now()
        )
        break
      case 'sliding': {
        const window = (cells.expiresAtMs[index] as number) / limit.windowMs - 2
        const takenIn = windowIndex(limit, claim.takenAtMs)
        const counter = takenIn === window ? cells.a : takenIn === window - 1 ? cells.b : undefined
        if (counter !== undefined) counter[index] = Math.max(0, (counter[index] as number) - cost)
        break
      }
      case 'quota':
        if (limit.calendar.periodAt(claim.takenAtMs).index === cells.b[index])
          cells.a[index] = Math.max(0, count - cost)
        break
      case 'concurrency':
        hold(cells, index, Math.max(0, count - cost))
    }
  }
}

function randomSecret (): readonly [number, number] {
  const bytes = randomBytes(8)
  return [bytes.readInt32LE(0), bytes.readInt32LE(4)]
}
