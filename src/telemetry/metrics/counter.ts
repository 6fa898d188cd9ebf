import type { Family, SlotKind } from './family.ts'
import type { Place } from './pages.ts'

/** A total that only rises. */
export interface CounterSlot {
  /** Adds `n`, 1 by default. What is not a finite number above 0 is ignored: a record never throws. */
  add(n?: number): void
}

/** Counters of one name. */
export type CounterFamily<Label extends string = string> = Family<CounterSlot, Label>

class PagedCounter implements CounterSlot {
  readonly #page: Float64Array
  readonly #at: number

  constructor ({ page, at }: Place) {
    this.#page = page
    this.#at = at
  }

  add (n = 1): void {
    if (n > 0 && n < Infinity) this.#page[this.#at]! += n
  }
}

export const counterSlots: SlotKind<CounterSlot> = { make: (place) => new PagedCounter(place) }
