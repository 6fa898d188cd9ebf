/** Jobs are taken ahead for so long, in milliseconds: several round trips to the database. */
const aheadMs = 50

/** Payloads that are held in memory ahead, at most, in characters. */
const textAhead = 8_000_000

/** Share of the newest run in the average. */
const newest = 0.05

/**
 * How many jobs to take ahead of those that run. As many as begin within a moment: tiny jobs are taken by the hundred, and
 * long ones not at all, since one that waits here could run elsewhere.
 */
export class LookAhead {
  readonly #concurrency: number
  readonly #most: number
  /** Of a run, in milliseconds; unknown at first. */
  #averageMs: number | undefined
  /** Of a payload, in characters. */
  #averageText = 0

  constructor (concurrency: number, most: number) {
    this.#concurrency = concurrency
    this.#most = most
  }

  /** A run has ended after `ms`. */
  ran (ms: number): void {
    this.#averageMs = this.#averageMs === undefined ? ms : this.#averageMs + newest * (ms - this.#averageMs)
  }

  /** Jobs were taken. @param text characters of their payloads */
  took (jobs: number, text: number): void {
    this.#averageText = Math.max(text / jobs, this.#averageText / 2)
  }

  /** Jobs that were taken ahead have waited in vain for so long. */
  waited (ms: number): void {
    this.#averageMs = Math.max(this.#averageMs ?? 0, ms)
  }

  /** How many to have, beside those that run. */
  get jobs (): number {
    if (this.#averageMs === undefined) return 0
    const inTime = this.#concurrency * aheadMs / this.#averageMs
    return Math.floor(Math.min(this.#most, inTime, textAhead / this.#averageText))
  }
}
