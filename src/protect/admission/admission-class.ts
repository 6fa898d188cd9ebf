import type { Criticality } from '../../kernel/index.ts'
import type { Timed } from './concurrency-limit.ts'
import type { Costed } from './cpu-cost.ts'
import type { Waiting } from './lane-queue.ts'
import type { AdmissionRoute } from './options.ts'
import type { Refusal } from './refusal.ts'
import type { Room } from './room.ts'
import type { UnitStage } from './unit.ts'

/**
 * One request as admission sees it. Let the request's own object implement it: nothing is copied from it, and
 * the two fields that `Admission` writes are all the state there is.
 */
export interface AdmissionUnit {
  readonly admissionClass: AdmissionClass
  /** From the route, a trusted caller or the tenant's plan. */
  readonly criticality: Criticality
  /** Asked only under pressure, so it may be worked out then; may throw, which is as good as `undefined`: nobody's. */
  readonly tenant: string | undefined
  /** When its headers had been read, on the clock's `now()`, in milliseconds. */
  readonly startedMs: number
  /** After which nobody waits for it, on the clock's `now()`; infinite for never. */
  readonly deadlineAtMs: number

  /** Starts as 0; written by `Admission` alone. */
  admissionStage: UnitStage
  /** When it was started, on the clock's `now()`; written by `Admission` alone. */
  admittedMs: number

  /** Starts a unit that was queued. It must not throw. */
  run(): void
  /** Answers a unit that was queued and is refused after all. It must not throw. */
  refuse(refusal: Refusal): void
}

/** A unit that waits, for room or for its turn. */
export type WaitingUnit = Waiting<AdmissionUnit>

/** A route as admission knows it: what it costs, and what stands behind it. Made at boot. */
export class AdmissionClass implements Costed, Timed {
  readonly name: string
  readonly stream: boolean
  readonly exempt: boolean
  readonly room: Room<AdmissionUnit>
  /** Units that are running. */
  inFlight = 0
  cpuMs: number
  lessons = 0
  doneInWindow = 0
  baseMs = 0
  answeredInWindow = 0
  latencySumMs = 0
  /** How long a lucky unit takes from start to answer, in milliseconds; 0 while unknown. */
  latencyMs = 0
  /** How long one takes on average, in milliseconds; infinite while unknown. */
  averageMs: number = Number.POSITIVE_INFINITY
  /** When a unit last ended well. */
  answeredMs: number = Number.NEGATIVE_INFINITY
  /** When one was last refused, and when one last found no room. */
  refusedMs: number = Number.NEGATIVE_INFINITY
  crowdedMs: number = Number.NEGATIVE_INFINITY
  /** Run without having waited, and after it. */
  ranAtOnce = 0
  ranQueued = 0
  readonly #guessMs: number

  constructor (
    { name, stream = false, exempt = false, firstGuess = {} }: AdmissionRoute,
    room: Room<AdmissionUnit>
  ) {
    this.name = name
    this.stream = stream
    this.exempt = exempt
    this.room = room
    this.cpuMs = this.#guessMs = firstGuess.cpuMs ?? 1
  }

  /** What of the worker one unit takes: of its event loop, and of what may be in flight. */
  get costMs (): number {
    return this.cpuMs + this.latencyMs / this.room.limiter.limit
  }

  /**
   * CPU time that a unit which waits is reckoned with. A route's first runs are dear, since its code is compiled on the
   * way: as long as little has been learnt, they count no more than the guess.
   */
  get turnMs (): number {
    return this.lessons <= youngLessons ? Math.min(this.cpuMs, this.#guessMs) : this.cpuMs
  }

  /** Whether its units wait for something: those that only compute are held back by their turn alone. */
  get waits (): boolean {
    return this.averageMs > Math.max(leastWaitMs, 3 * this.cpuMs)
  }

  /** Whether a unit of `lane` may be in flight too. */
  hasRoom (lane: number, nowMs: number): boolean {
    return this.stream || !this.waits || this.room.hasPlace(lane, nowMs)
  }

  /** Learns how long a unit takes: on average, and when it is lucky (down fast, up slowly). */
  took (latencyMs: number, nowMs: number): void {
    const step = latencyMs - this.latencyMs
    this.latencyMs += step * (this.latencyMs === 0 ? 1 : step < 0 ? 0.2 : 0.03)
    if (this.averageMs === Number.POSITIVE_INFINITY) this.averageMs = latencyMs
    this.averageMs += (latencyMs - this.averageMs) * 0.05
    this.answeredMs = nowMs
  }
}

/** Shorter waits than this are no wait: the event loop's own turns take as long. */
const leastWaitMs = 5
/** Windows of 50 ms in which the route was run. */
const youngLessons = 6
