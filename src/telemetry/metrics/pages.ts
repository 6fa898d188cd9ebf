/** Where one series has its numbers: `page[at]` and on. It never moves. */
export interface Place {
  readonly page: Float64Array
  readonly at: number
}

const largestPage = 256

/**
 * The numbers of a family's series, in pages that grow from 2 to 256 series. Pages stay where they are, so
 * that a slot can hold on to its own and write without a look-up.
 */
export class Pages {
  readonly #width: number
  readonly #pages: Float64Array[] = []
  #last: Float64Array = new Float64Array(0)
  #used = 0
  #nextSize = 2

  /** @param width how many numbers a series takes */
  constructor (width: number) {
    this.#width = width
  }

  /** Room for the next series, all 0. */
  append (): Place {
    if (this.#used === this.#last.length) {
      this.#last = new Float64Array(this.#nextSize * this.#width)
      this.#pages.push(this.#last)
      this.#used = 0
      this.#nextSize = Math.min(this.#nextSize * 2, largestPage)
    }
    const place = { page: this.#last, at: this.#used }
    this.#used += this.#width
    return place
  }

  /** The numbers of all series, in order of their appearance. */
  copy (): Float64Array {
    const full = this.#pages.slice(0, -1)
    const length = full.reduce((sum, page) => sum + page.length, 0)
    const all = new Float64Array(length + this.#used)
    let at = 0
    for (const page of full) {
      all.set(page, at)
      at += page.length
    }
    all.set(this.#last.subarray(0, this.#used), at)
    return all
  }
}
