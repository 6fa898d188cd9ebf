import { ConcurrencyLimit } from './concurrency-limit.ts'
import { LanesSeen } from './lanes.ts'
import { type Pace, ShortQueue } from './short-queue.ts'

/**
 * What stands behind some routes, a database say, as the units that are in flight to it and those that wait for
 * room. Routes that share what they wait for share a room, so that the lanes hold across them.
 */
export class Room<Unit> implements Pace {
  readonly name: string
  readonly limiter: ConcurrencyLimit
  readonly waiting: ShortQueue<Unit> = new ShortQueue()
  readonly lanes: LanesSeen = new LanesSeen()
  /** Units that are running. */
  inFlight = 0
  /** Units that have been called in and wait for their turn on the event loop. */
  calledIn = 0

  constructor (name: string, firstGuess?: number) {
    this.name = name
    this.limiter = new ConcurrencyLimit(firstGuess)
  }

  /** Units in flight, and those that are about to be. */
  get taken (): number {
    return this.inFlight + this.calledIn
  }

  /** How often room becomes free when all of it is taken, as the time between two, in milliseconds. */
  get unitMs (): number {
    const { fullRate } = this.limiter
    return fullRate > 0 ? Math.min(mostUnitMs, 1 / fullRate) : guessedUnitMs
  }

  get waitMs (): number {
    return this.waiting.length * this.unitMs
  }

  /** Whether one more unit may be in flight, of `lane`; what is kept for higher lanes is, while they are about. */
  hasPlace (lane: number, nowMs: number): boolean {
    const { taken } = this
    if (taken === 0) return true
    // A probe is at the cost of lower lanes than the first, where there are any.
    const limit = lane === 0 && this.lanes.isBelow(lane, nowMs) ? this.limiter.usualLimit : this.limiter.limit
    return taken + 1 <= limit * this.lanes.shareOf(lane, nowMs)
  }
}

const mostUnitMs = 1_000
const guessedUnitMs = 1
