import { ConcurrencyLimit } from './concurrency-limit.ts'
import type { Costed } from './cpu-cost.ts'
import { LanesSeen } from './lanes.ts'
import type { AdmissionRoute } from './options.ts'
import { type Pace, ShortQueue } from './short-queue.ts'

/** A route as admission knows it: what it costs, and how much of it may be in flight. Made at boot. */
export class AdmissionClass implements Costed, Pace {
  readonly name: string
  readonly stream: boolean
  readonly exempt: boolean
  /** Units that are running. */
  inFlight = 0
  /** Units that wait for their turn on the event loop. */
  ready = 0
  cpuMs: number
  lessons = 0
  doneInWindow = 0
  /** How long a lucky unit takes from start to answer, in milliseconds; 0 while unknown. */
  latencyMs = 0
  /** When a unit last ended well. */
  answeredMs = Number.NEGATIVE_INFINITY
  /** When one was last refused, and when one last found little room. */
  refusedMs: number = Number.NEGATIVE_INFINITY
  crowdedMs: number = Number.NEGATIVE_INFINITY
  /** Run without having waited, and after it. */
  ranAtOnce = 0
  ranQueued = 0
  readonly limiter: ConcurrencyLimit
  /** Those that wait for room in flight. */
  readonly waiting: ShortQueue = new ShortQueue()
  readonly lanes: LanesSeen = new LanesSeen()

  constructor ({ name, stream = false, exempt = false, firstGuess = {} }: AdmissionRoute) {
    this.name = name
    this.stream = stream
    this.exempt = exempt
    this.cpuMs = firstGuess.cpuMs ?? 1
    this.limiter = new ConcurrencyLimit(firstGuess.inFlight)
  }

  /** What of the worker one unit takes: of its event loop, and of what its route may have in flight. */
  get costMs (): number {
    return this.cpuMs + this.latencyMs / this.limiter.limit
  }

  /**
   * Whether a unit of `lane` may be in flight too; what is kept for higher lanes is, while they are about.
   *
   * @param ahead units that have been promised room already
   */
  hasRoom (lane: number, nowMs: number, ahead = 0): boolean {
    const taken = this.inFlight + ahead
    return this.stream || taken === 0 ||
      taken + 1 <= this.limiter.limit * this.lanes.shareOf(lane, nowMs)
  }

  /** How often room becomes free when all of it is taken, as the time between two. */
  get unitMs (): number {
    const { bestRate, limit } = this.limiter
    return bestRate > 0 ? Math.min(1 / bestRate, mostUnitMs) : this.latencyMs / limit
  }

  /** How long a unit that now begins to wait for room will wait. */
  get waitMs (): number {
    return this.waiting.length * this.unitMs
  }

  /** Learns how long a unit takes when it is lucky: down fast, up slowly. */
  took (latencyMs: number, nowMs: number): void {
    const step = latencyMs - this.latencyMs
    this.latencyMs += step * (this.latencyMs === 0 ? 1 : step < 0 ? 0.2 : 0.03)
    this.answeredMs = nowMs
  }
}

const mostUnitMs = 1_000
