import type { Lsn } from './lsn.ts'

interface Mark {
  readonly atMs: number
  readonly lsn: Lsn
}

/** Marks kept; each second one of them is dropped when there are more. */
const most = 512

/**
 * Tells how stale a replica is by when its position was the primary's, on this process's own clock: it compares
 * no clocks of different machines, and is right while nothing is written.
 */
export class LagRuler {
  #marks: Mark[] = []

  /** The primary stood at `lsn` at `atMs`. Later marks only. */
  mark (atMs: number, lsn: Lsn): void {
    const last = this.#marks.at(-1)
    // After a failover the new primary may stand before the old one.
    if (last !== undefined && lsn < last.lsn) this.#marks = []
    this.#marks.push({ atMs, lsn })
    if (this.#marks.length > most) {
      this.#marks = this.#marks.filter((_, index) => index % 2 === 0 || index === this.#marks.length - 1)
    }
  }

  get last (): Mark | undefined {
    return this.#marks.at(-1)
  }

  /**
   * How long before the primary's last mark everything was written that a replica at `lsn` does not show, at most:
   * an upper bound, as fine as the marks are close.
   *
   * @returns milliseconds; infinite when the replica is further behind than all marks, or there are none
   */
  behindMs (lsn: Lsn): number {
    const last = this.#marks.at(-1)
    if (last === undefined) return Number.POSITIVE_INFINITY
    let [low, high] = [0, this.#marks.length] // the first mark beyond `lsn` is in between
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#marks[middle]!.lsn <= lsn) low = middle + 1
      else high = middle
    }
    const reached = this.#marks[low - 1]
    return reached === undefined ? Number.POSITIVE_INFINITY : last.atMs - reached.atMs
  }

  /** Bytes of the primary's log that a replica at `lsn` has not replayed. */
  behindBytes (lsn: Lsn): number {
    const last = this.#marks.at(-1)
    return last === undefined || last.lsn <= lsn ? 0 : Number(last.lsn - lsn)
  }
}
