import { ConcurrencyLimit } from './concurrency-limit.ts'
import { LanesSeen } from './lanes.ts'
import { type Pace, ShortQueue } from './short-queue.ts'

/**
 * What stands behind some routes, a database say, as the units that are in flight to it and those that wait for
 * room. Routes that share what they wait for share a room, so that the lanes hold across them.
 */
export class Room implements Pace {
  readonly name: string
  readonly limiter: ConcurrencyLimit
  readonly waiting: ShortQueue = new ShortQueue()
  readonly lanes: LanesSeen = new LanesSeen()
  /** Units that are running. */
  inFlight = 0
  /** Units that have been called in and wait for their turn on the event loop. */
  calledIn = 0
  #last: object | undefined
  #lastMs: number = Number.NEGATIVE_INFINITY
  #otherMs: number = Number.NEGATIVE_INFINITY

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
    const { bestRate } = this.limiter
    return bestRate > 0 ? Math.min(mostUnitMs, 1 / bestRate) : guessedUnitMs
  }

  get waitMs (): number {
    return this.waiting.length * this.unitMs
  }

  /** Notes that a unit of `lane` and of a route came, so that room is kept for the next ones. */
  saw (route: object, lane: number, nowMs: number): void {
    this.lanes.saw(lane, nowMs)
    if (route !== this.#last) {
      this.#otherMs = this.#lastMs
      this.#last = route
    }
    this.#lastMs = nowMs
  }

  /**
   * Whether one more unit may be in flight, of `lane` and of a route that has `own` there. While other routes are
   * about, one alone does not fill the room: what it waits for might be stuck.
   */
  hasPlace (route: object, own: number, lane: number, nowMs: number): boolean {
    const { taken } = this
    if (taken === 0) return true
    // A probe is at the cost of lower lanes than the first, where there are any.
    const limit = lane === 0 && this.lanes.isBelow(lane, nowMs) ? this.limiter.usualLimit : this.limiter.limit
    const otherMs = route === this.#last ? this.#otherMs : this.#lastMs
    if (nowMs - otherMs < rememberMs && own + 1 > limit * mostOfOne) return false
    return taken + 1 <= limit * this.lanes.shareOf(lane, nowMs)
  }
}

/** The part of a room that one route may fill while others are about. */
const mostOfOne = 0.75
const rememberMs = 1_000
const mostUnitMs = 1_000
const guessedUnitMs = 1
