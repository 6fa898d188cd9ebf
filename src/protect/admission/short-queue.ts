import { LaneQueue, type Waiting } from './lane-queue.ts'
import { StandingQueue } from './standing-queue.ts'

/** How fast a queue moves, as whoever empties it has measured. */
export interface Pace {
  /** How long all that waits will take, in milliseconds. */
  readonly waitMs: number
  /** How long one of those that wait will take, in milliseconds. */
  readonly unitMs: number
}

/**
 * What came of a newcomer: it fits; it fits in the stead of another, which matters less; there is no place; or
 * there is one, and it is kept for higher lanes.
 */
export type Offer<Unit> = 'fits' | Waiting<Unit> | 'full' | 'kept'

/** Units that wait for a short time: as many as are expected to be run in time, and those that matter most. */
export class ShortQueue<Unit> {
  readonly #lanes = new LaneQueue<Unit>()
  readonly #standing = new StandingQueue()

  get length (): number {
    return this.#lanes.length
  }

  /** What all that waits is expected to cost. */
  get costMs (): number {
    return this.#lanes.costMs
  }

  /** Whether this is no burst, but a queue that will not drain by itself. */
  get overloaded (): boolean {
    return this.#standing.overloaded
  }

  get nextLane (): number {
    return this.#lanes.nextLane
  }

  /** Looks at the queue, as must be done from time to time to tell a burst from an overload. */
  note (pace: Pace, nowMs: number): void {
    this.#standing.note(nowMs, pace.waitMs, pace.unitMs)
  }

  /**
   * Finds a place for a newcomer, which is not put there yet.
   *
   * @param share the part of the queue that its lane may fill
   */
  offer (
    { lane, heavy }: Waiting<Unit>,
    share: number,
    { waitMs, unitMs }: Pace,
    nowMs: number
  ): Offer<Unit> {
    const lanes = this.#lanes
    const boundMs = this.#standing.boundMs(unitMs) - unitMs
    const isFull = lanes.length >= mostWaiting || waitMs > boundMs
    if (!isFull && waitMs <= boundMs * share) return 'fits'
    if (lanes.countUpTo(lane) < leastWaiting) return 'fits'
    this.#standing.overflowed(nowMs)
    return lanes.spare(lane, heavy, this.overloaded) ?? (isFull ? 'full' : 'kept')
  }

  push (waiting: Waiting<Unit>, nowMs: number): void {
    if (this.#lanes.length === 0) this.#standing.note(nowMs, 0, 0)
    this.#lanes.push(waiting)
  }

  /** Takes out the next to be run: the oldest, or the newest of what cannot be run in time. */
  take ({ waitMs, unitMs }: Pace): Waiting<Unit> | undefined {
    const inTimeMs = this.#standing.inTimeMs(unitMs)
    return this.#lanes.take(waitMs === 0 ? inTimeMs : inTimeMs * this.costMs / waitMs)
  }

  /** Takes out one that has waited for too long to be run. */
  takeTooOld ({ unitMs }: Pace, nowMs: number): Waiting<Unit> | undefined {
    return this.#lanes.takeOlder(nowMs - this.#standing.patienceMs(unitMs))
  }

  /** Takes out a unit that need not be run any more. */
  remove (unit: Unit): Waiting<Unit> | undefined {
    return this.#lanes.remove(unit)
  }
}

/** So many may always wait, however long one takes: else nothing would be at hand when it ends. */
const leastWaiting = 2
const mostWaiting = 2_000
