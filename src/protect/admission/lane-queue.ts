import { laneCount } from './lanes.ts'

/** A unit that waits. */
export interface Waiting<Unit> {
  readonly unit: Unit
  readonly lane: number
  /** Its tenant has used far more than the others lately. */
  readonly heavy: boolean
  /** What it is expected to cost. */
  readonly costMs: number
  /** Since when it waits, on the clock's `now()`. */
  readonly sinceMs: number
  /** It holds a promise of room behind its route, while it waits for its turn. */
  calledIn: boolean
}

/**
 * Units that wait, in order of their lanes, and in each lane those of heavy tenants after the others. It decides
 * nothing by time: whoever asks says whether the oldest or the newest of a rank comes first.
 */
export class LaneQueue<Unit> {
  readonly #ranks: Waiting<Unit>[][] = Array.from({ length: laneCount * 2 }, () => [])
  readonly #rankCosts: number[] = Array.from({ length: laneCount * 2 }, () => 0)
  #length = 0
  #costMs = 0

  get length (): number {
    return this.#length
  }

  /** What all that waits is expected to cost. */
  get costMs (): number {
    return this.#costMs
  }

  /** The lane of the next to be run; 0 when nothing waits. */
  get nextLane (): number {
    const at = this.#ranks.findIndex((rank) => rank.length > 0)
    return at < 0 ? 0 : at >> 1
  }

  push (waiting: Waiting<Unit>): void {
    this.#ranks[rankOf(waiting)]?.push(waiting)
    this.#added(waiting, 1)
  }

  /**
   * Takes out the next to be run: the oldest of the first rank, or the newest once that rank, with those before
   * it, costs more than can be done in time; for then the oldest are those that would be given up.
   *
   * @param inTimeMs how much can be done in time, as the sum of costs
   */
  take (inTimeMs: number): Waiting<Unit> | undefined {
    let costMs = 0
    for (let at = 0; at < this.#ranks.length; at++) {
      const rank = this.#ranks[at]!
      costMs += this.#rankCosts[at]!
      if (rank.length > 0) return this.#taken(costMs > inTimeMs ? rank.pop() : rank.shift())
    }
    return undefined
  }

  /**
   * Takes out the one that matters least: the oldest of the last rank, if that comes after `lane` and `heavy`.
   *
   * @param equalToo one of the same rank gives way too
   */
  spare (lane: number, heavy: boolean, equalToo: boolean): Waiting<Unit> | undefined {
    const own = rankOf({ lane, heavy })
    for (let at = this.#ranks.length - 1; at > own - (equalToo ? 1 : 0); at--) {
      const rank = this.#ranks[at]
      if (rank !== undefined && rank.length > 0) return this.#taken(rank.shift())
    }
    return undefined
  }

  /** Takes out one that has waited since before `beforeMs`, the oldest of its rank. */
  takeOlder (beforeMs: number): Waiting<Unit> | undefined {
    if (this.#length === 0) return undefined
    for (const rank of this.#ranks) {
      const oldest = rank[0]
      if (oldest !== undefined && oldest.sinceMs < beforeMs) return this.#taken(rank.shift())
    }
    return undefined
  }

  /** Takes out a unit that need not be run any more. */
  remove (unit: Unit): Waiting<Unit> | undefined {
    for (const rank of this.#ranks) {
      const at = rank.findIndex((waiting) => waiting.unit === unit)
      if (at >= 0) return this.#taken(rank.splice(at, 1)[0])
    }
    return undefined
  }

  /** How many wait in `lane` or before it. */
  countUpTo (lane: number): number {
    let count = 0
    for (let at = 0; at < lane * 2 + 2; at++) count += this.#ranks[at]?.length ?? 0
    return count
  }

  #taken (waiting: Waiting<Unit> | undefined): Waiting<Unit> | undefined {
    if (waiting !== undefined) this.#added(waiting, -1)
    return waiting
  }

  #added (waiting: Waiting<Unit>, sign: 1 | -1): void {
    const at = rankOf(waiting)
    this.#length += sign
    // What is empty costs exactly nothing, whatever fractions were added up on the way.
    this.#costMs = this.#length === 0 ? 0 : this.#costMs + sign * waiting.costMs
    this.#rankCosts[at] = this.#ranks[at]!.length === 0 ? 0 : this.#rankCosts[at]! + sign * waiting.costMs
  }
}

function rankOf ({ lane, heavy }: Pick<Waiting<unknown>, 'lane' | 'heavy'>): number {
  return lane * 2 + (heavy ? 1 : 0)
}
