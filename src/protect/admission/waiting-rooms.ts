import type { Clock } from '../../kernel/index.ts'
import type { AdmissionClass } from './admission-class.ts'
import type { Waiting } from './lane-queue.ts'

export interface WaitingRoomsOptions {
  readonly clock: Clock
  /** Passes on a unit for which there is room now. */
  readonly callIn: (waiting: Waiting, nowMs: number) => void
  /** Gives up a unit that has waited for too long. */
  readonly giveUp: (waiting: Waiting, nowMs: number) => void
}

/**
 * Units that wait until there is room in flight for their class. Room becomes free when one of the class ends;
 * and because what stands behind a class may do nothing for long, they are looked after by the clock too.
 */
export class WaitingRooms {
  readonly #options: WaitingRoomsOptions
  readonly #crowded = new Set<AdmissionClass>()

  constructor (options: WaitingRoomsOptions) {
    this.#options = options
  }

  add (waiting: Waiting, nowMs: number): void {
    const { admissionClass } = waiting.unit
    waiting.unit.admissionStage = 1
    admissionClass.waiting.push(waiting, nowMs)
    if (this.#crowded.size === 0) this.#options.clock.after(sweepMs, this.#sweep)
    this.#crowded.add(admissionClass)
  }

  /** Lets in as many as there is room for. */
  callIn (admissionClass: AdmissionClass, nowMs: number): void {
    const { waiting } = admissionClass
    while (waiting.length > 0 && admissionClass.hasRoom(waiting.nextLane, nowMs, admissionClass.ready)) {
      const next = waiting.take(admissionClass)
      if (next === undefined) break
      this.#options.callIn(next, nowMs)
    }
    waiting.note(admissionClass, nowMs)
  }

  readonly #sweep = (): void => {
    const nowMs = this.#options.clock.now()
    for (const crowded of this.#crowded) {
      const { waiting } = crowded
      waiting.note(crowded, nowMs)
      for (let old = waiting.takeTooOld(crowded, nowMs); old !== undefined;) {
        this.#options.giveUp(old, nowMs)
        old = waiting.takeTooOld(crowded, nowMs)
      }
      this.callIn(crowded, nowMs)
      if (waiting.length === 0) this.#crowded.delete(crowded)
    }
    if (this.#crowded.size > 0) this.#options.clock.after(sweepMs, this.#sweep)
  }
}

const sweepMs = 20
