/** The label value of the series that takes all that is beyond a family's limit. */
export const overflowValue = 'other'

/**
 * Numbers the label sets of a family from 0, in order of appearance; a number is never given up, so that
 * places in memory can follow from it.
 *
 * Beyond `limit` label sets, new ones share one more whose values are all {@link overflowValue}: whoever
 * puts something unbounded into a label loses detail, not memory.
 */
export class SeriesIndex {
  readonly #labelCount: number
  readonly #limit: number
  readonly #onOverflow: (() => void) | undefined
  readonly #byKey: Map<string, number> = new Map()
  readonly #values: string[] = []
  #size = 0

  /** @param onOverflow called for each label set refused, each time it is asked for */
  constructor (labelCount: number, limit: number, onOverflow?: () => void) {
    this.#labelCount = labelCount
    this.#limit = limit
    this.#onOverflow = onOverflow
  }

  get size (): number {
    return this.#size
  }

  /** All label values, series after series; a copy. */
  labelValues (): string[] {
    return this.#values.slice()
  }

  /** The number of a label set, given as its values in the order of the family's labels. */
  indexOf (values: readonly string[]): number {
    const key = keyOf(values)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    if (this.#size < this.#limit || values.every((value) => value === overflowValue)) {
      this.#byKey.set(key, this.#size)
      this.#values.push(...values)
      return this.#size++
    }
    this.#onOverflow?.()
    return this.indexOf(Array<string>(this.#labelCount).fill(overflowValue))
  }
}

/** Different for different label sets, whatever characters they hold. */
function keyOf (values: readonly string[]): string {
  return values.length === 1 ? values[0] ?? '' : JSON.stringify(values)
}
