import { type Context, unitOf } from '../../kernel/index.ts'

/** Each is a pointer to compare with for every statement of the process. */
const places = 8

/**
 * Chooses the units of work to look at: of each `every` statements of the process, one has its unit followed from then
 * on, until its place is needed again, `8 * every` statements later. A unit is therefore the likelier to be chosen the
 * more statements it sends. What is not followed costs a comparison.
 */
export class FollowedUnits<State> {
  readonly #every: number
  readonly #begin: () => State
  readonly #units: (Context | undefined)[] = Array.from({ length: places })
  readonly #states: (State | undefined)[] = Array.from({ length: places })
  #next = 0
  #left = 1

  constructor (every: number, begin: () => State) {
    this.#every = every
    this.#begin = begin
  }

  /** @returns what is kept for the unit of `context`; `undefined` when it is not followed */
  of (context: Context): State | undefined {
    const unit = unitOf(context)
    for (let place = 0; place < places; place++) {
      if (this.#units[place] === unit) return this.#states[place]
    }
    if (--this.#left > 0) return undefined
    this.#left = this.#every
    const place = this.#next
    this.#next = (place + 1) % places
    this.#units[place] = unit
    return this.#states[place] = this.#begin()
  }
}
