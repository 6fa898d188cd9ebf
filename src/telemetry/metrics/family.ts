import { SettingError } from '../../kernel/index.ts'
import { Pages, type Place } from './pages.ts'
import { SeriesIndex } from './series-index.ts'
import { type FamilyShape, seriesWidth } from './shape.ts'
import type { Exemplar, FamilySnapshot } from './snapshot.ts'

/** Label values by label name. Ask for a slot at boot: the look-up costs far more than a record. */
export type Labels<Label extends string> = Readonly<Record<Label, string>>

/** How a kind of family makes its slots. */
export interface SlotKind<Slot> {
  /** @param series the number of the series in its family */
  readonly make: (place: Place, series: number) => Slot
  /** What traced values a slot holds. @default none */
  readonly exemplarsOf?: (slot: Slot) => readonly Exemplar[]
}

/** Series of one name: hands out the slot of each label set, always the same one. */
export class Family<Slot, Label extends string = string> {
  readonly shape: FamilyShape
  readonly #index: SeriesIndex
  readonly #pages: Pages
  readonly #slots: Slot[] = []
  readonly #kind: SlotKind<Slot>

  /** @param onOverflow called each time a label set finds no room */
  constructor (shape: FamilyShape, kind: SlotKind<Slot>, onOverflow: () => void) {
    this.shape = shape
    this.#kind = kind
    this.#index = new SeriesIndex(shape.labels.length, shape.limit, onOverflow)
    this.#pages = new Pages(seriesWidth(shape))
  }

  /**
   * The slot of a label set; the same labels give the same slot. Beyond the family's limit of label sets
   * it is the slot whose label values are all `other`.
   *
   * @throws SettingError when a label is missing, or there is one that the family does not have
   */
  slot (labels?: Labels<Label>): Slot {
    const series = this.#index.indexOf(this.#valuesOf(labels ?? {}))
    const known = this.#slots[series]
    if (known !== undefined) return known
    const slot = this.#kind.make(this.#pages.append(), series)
    this.#slots.push(slot)
    return slot
  }

  snapshot (): FamilySnapshot {
    return {
      ...this.shape,
      labelValues: this.#index.labelValues(),
      values: this.#pages.copy(),
      exemplars: this.#exemplars(),
    }
  }

  #valuesOf (given: Readonly<Record<string, string>>): string[] {
    const { name, labels } = this.shape
    for (const label of Object.keys(given)) {
      if (!labels.includes(label)) {
        throw new SettingError(`label of metric ${name}`, `one of ${labels.join(', ') || 'none'}`, label)
      }
    }
    return labels.map((label) => {
      const value = given[label]
      if (typeof value !== 'string')
        throw new SettingError(`label ${label} of metric ${name}`, 'a text', value)
      return value.toWellFormed()
    })
  }

  #exemplars (): readonly Exemplar[] {
    const { exemplarsOf } = this.#kind
    return exemplarsOf === undefined ? [] : this.#slots.flatMap(exemplarsOf)
  }
}
