import type { Clock } from '../../kernel/index.ts'
import type { AdmissionUnit, WaitingUnit } from './admission-class.ts'
import { Room } from './room.ts'

export interface RoomsOptions {
  readonly clock: Clock
  /** Passes on a unit for which there is room now. */
  readonly callIn: (waiting: WaitingUnit, nowMs: number) => void
  /** Gives up a unit that has waited for too long. */
  readonly giveUp: (waiting: WaitingUnit, nowMs: number) => void
}

/**
 * All rooms, and the units that wait in front of them. Room becomes free when a unit ends; and because what
 * stands behind a room may do nothing for long, those that wait are looked after by the clock too.
 */
export class Rooms {
  readonly #options: RoomsOptions
  readonly #rooms = new Map<string, Room<AdmissionUnit>>()
  readonly #crowded = new Set<Room<AdmissionUnit>>()

  constructor (options: RoomsOptions) {
    this.#options = options
  }

  /** All that there are. */
  get all (): Iterable<Room<AdmissionUnit>> {
    return this.#rooms.values()
  }

  /** The one room of a name. */
  named (name: string, firstGuess?: number): Room<AdmissionUnit> {
    const known = this.#rooms.get(name)
    if (known !== undefined) return known
    const made = new Room<AdmissionUnit>(name, firstGuess)
    this.#rooms.set(name, made)
    return made
  }

  /** Lets a unit wait until there is room. */
  add (waiting: WaitingUnit, nowMs: number): void {
    const { room } = waiting.unit.admissionClass
    waiting.unit.admissionStage = 1
    room.waiting.push(waiting, nowMs)
    if (this.#crowded.size === 0) this.#options.clock.after(sweepMs, this.#sweep)
    this.#crowded.add(room)
  }

  /** Lets in as many as there is room for. */
  callIn (room: Room<AdmissionUnit>, nowMs: number): void {
    const { waiting } = room
    while (waiting.length > 0 && room.hasPlace(waiting.nextLane, nowMs)) {
      const next = waiting.take(room)
      if (next === undefined) break
      this.#options.callIn(next, nowMs)
    }
    waiting.note(room, nowMs)
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
