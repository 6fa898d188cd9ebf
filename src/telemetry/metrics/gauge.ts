import type { Family, SlotKind } from './family.ts'
import type { Place } from './pages.ts'

/** A level that rises and falls; 0 until it is set. */
export interface GaugeSlot {
  set(value: number): void
  /** Adds `n`, which may be below 0. */
  add(n: number): void
}

/** Gauges of one name. */
export type GaugeFamily<Label extends string = string> = Family<GaugeSlot, Label>

class PagedGauge implements GaugeSlot {
  readonly #page: Float64Array
  readonly #at: number

  constructor ({ page, at }: Place) {
    this.#page = page
    this.#at = at
  }

  set (value: number): void {
    this.#page[this.#at] = value
  }

  add (n: number): void {
    this.#page[this.#at]! += n
  }
}

export const gaugeSlots: SlotKind<GaugeSlot> = { make: (place) => new PagedGauge(place) }
