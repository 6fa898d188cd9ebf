/** One step of a lane's work; it must not reject. */
export type LaneTask = () => Promise<void>

/**
 * Runs tasks in the order of their keys' lanes: one after the other within a key, up to `concurrency` keys at a time.
 * Lanes take turns, so that a long one does not hold up the others.
 */
export class Lanes {
  readonly #concurrency: number
  readonly #lanes: Map<string, LaneTask[]> = new Map()
  /** Keys that wait for a turn, in their order. */
  readonly #ready: string[] = []
  #running = 0
  #size = 0
  #waiters: (() => void)[] = []

  /** @param concurrency keys at a time; at least 1 */
  constructor (concurrency: number) {
    this.#concurrency = concurrency
  }

  /** Tasks that wait or run. */
  get size (): number {
    return this.#size
  }

  add (key: string, task: LaneTask): void {
    this.#size++
    const lane = this.#lanes.get(key)
    if (lane !== undefined) {
      lane.push(task)
      return
    }
    this.#lanes.set(key, [task])
    this.#ready.push(key)
    this.#next()
  }

  /** Resolves once fewer than `size` tasks wait or run. */
  async below (size: number): Promise<void> {
    while (this.#size >= size) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  #next (): void {
    while (this.#running < this.#concurrency) {
      const key = this.#ready.shift()
      if (key === undefined) return
      this.#running++
      void this.#runOne(key)
    }
  }

  async #runOne (key: string): Promise<void> {
    const lane = this.#lanes.get(key)!
    await lane[0]!()
    lane.shift()
    if (lane.length > 0) this.#ready.push(key)
    else this.#lanes.delete(key)
    this.#running--
    this.#size--
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
    this.#next()
  }
}
