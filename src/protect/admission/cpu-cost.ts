/** What the CPU costs of one kind of work are learnt on; {@link CpuCosts} keeps its numbers here. */
export interface Costed {
  /** CPU time of one unit, in milliseconds. */
  cpuMs: number
  /** How much has been learnt; 0 for a guess. */
  lessons: number
  /** Units done in the window under way. */
  doneInWindow: number
}

/**
 * Learns what a unit of each class costs the event loop, from nothing but the CPU time that it had while known
 * numbers of each were done: normalised least mean squares, in shares of each cost, so that what is dear learns
 * more from an error than what is cheap, and no cost falls below 0. So it sees what runs after an `await` and what the
 * framework does around a handler, which no stopwatch around the handler would.
 *
 * @see Widrow and Hoff, "Adaptive switching circuits", 1960; Haykin, "Adaptive Filter Theory", chapter 6
 */
export class CpuCosts {
  readonly #touched: Costed[] = []

  /** Counts one unit that is over. */
  done (work: Costed): void {
    if (work.doneInWindow++ === 0) this.#touched.push(work)
  }

  /**
   * Sets the first guess right by runs that were timed by themselves, until a window has been learnt from. Code that
   * runs for the first time is compiled for the first time, so that the cheapest of these runs tells most.
   */
  timed (work: Costed, ms: number): void {
    if (work.lessons > 1) return
    work.cpuMs = work.lessons === 0 ? ms : Math.min(work.cpuMs, ms)
    work.lessons = 1
  }

  /** Ends a window in which the loop was busy for `busyMs`, and learns from it. */
  learn (busyMs: number): void {
    let predictedMs = 0
    let squares = 0
    let lessons = Number.POSITIVE_INFINITY
    for (const work of this.#touched) {
      const ms = work.cpuMs * work.doneInWindow
      predictedMs += ms
      squares += ms ** 2
      lessons = Math.min(lessons, work.lessons)
    }
    const rate = lessons > 1 ? 0.2 : 0.8
    for (const work of this.#touched) {
      const share = work.cpuMs * work.doneInWindow * (busyMs - predictedMs) / squares
      // A pause of the whole process says nothing of what units cost: one window moves no cost very far.
      const factor = 1 + rate * share
      work.cpuMs = Math.max(
        leastMs,
        work.cpuMs * (lessons > 5 ? Math.min(1.5, Math.max(0.67, factor)) : factor)
      )
      work.lessons++
    }
    this.forget()
  }

  /** Ends a window that is not worth learning from. */
  forget (): void {
    for (const work of this.#touched) work.doneInWindow = 0
    this.#touched.length = 0
  }
}

/** What nothing is cheaper than, in milliseconds: reading a request and writing an answer. */
const leastMs = 0.005
