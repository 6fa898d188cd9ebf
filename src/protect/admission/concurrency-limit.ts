/** What the limit keeps of each kind of work that shares it. */
export interface Timed {
  /** Latency of one unit when nobody is in its way, in milliseconds; 0 while unknown. */
  baseMs: number
  /** Units answered in the window under way, and the sum of their latencies. */
  answeredInWindow: number
  latencySumMs: number
}

/**
 * How many units may be in flight behind one room, learnt from what comes back: as many as are completed in the
 * time that they take when nobody is in their way (Little's law: rate times base latency, summed over all kinds
 * of work), and a little more, so that more room is found where there is some.
 *
 * The base latency is the danger: learnt while everything queues, it makes the queue look right. So at times
 * under full load the limit is halved for a moment: latency that falls with it was our own queue, latency that
 * does not is the new base. Between probes, latency that rises while throughput does not shrinks the limit.
 *
 * @see https://queue.acm.org/detail.cfm?id=3022184 BBR: the same two numbers, estimated in the same turns
 * @see https://github.com/Netflix/concurrency-limits/issues/137 why failures teach nothing here
 */
export class ConcurrencyLimit {
  #limit: number
  /** The most units that were in flight to some purpose: the best rate of completion times base latency. */
  #carried = 0
  #bestRate = 0
  #wasEverFull = false
  /** While each doubling of the limit brings more throughput, and latency does not rise. */
  #starting = true
  #gainless = 0
  readonly #touched: Timed[] = []
  #sinceMs = Number.NaN
  #answered = 0
  #failed = 0
  #mostInFlight = 0
  #full = false
  #probe: Probe | undefined
  #probeGapMs = firstProbeGapMs
  #nextProbeMs = Number.NaN

  /** @param firstGuess at least 1 */
  constructor (firstGuess = 20) {
    this.#limit = Math.max(leastLimit, firstGuess)
  }

  /** Units that may be in flight at this moment. */
  get limit (): number {
    return this.#probe === undefined ? this.#limit : this.#probe.limit
  }

  /** The limit as it is when nothing is being tried. */
  get usualLimit (): number {
    return this.#limit
  }

  /**
   * Units per millisecond that are completed when all room is taken; 0 as long as it never was, since what is completed
   * below that is what was asked for.
   */
  get fullRate (): number {
    return this.#wasEverFull ? this.#bestRate : 0
  }

  /** Tells that a unit found no room: only then does the limit say anything about what could be carried. */
  wasFull (): void {
    this.#full = true
  }

  /** A unit was answered, `latencyMs` after it was started, when `inFlight` were under way with it. */
  answered (work: Timed, latencyMs: number, nowMs: number, inFlight: number): void {
    if (work.answeredInWindow++ === 0) this.#touched.push(work)
    work.latencySumMs += latencyMs
    this.#answered++
    if (inFlight > this.#mostInFlight) this.#mostInFlight = inFlight
    this.#close(nowMs)
  }

  /** A unit was not answered well: it counts as no throughput, and its latency teaches nothing. */
  failed (nowMs: number): void {
    this.#failed++
    this.#close(nowMs)
  }

  #close (nowMs: number): void {
    const windowMs = nowMs - this.#sinceMs
    if (!(windowMs <= longestWindowMs)) return this.#open(nowMs) // the first one, or after a silence
    if (windowMs < shortestWindowMs) return
    const count = this.#answered + this.#failed
    if (count < leastSamples && windowMs < 1_000) return
    const seen = this.#look()
    if (windowMs < (this.#starting ? 1.2 : 2) * seen.baseMs) return
    this.#learn(windowMs, seen, nowMs)
    this.#open(nowMs)
  }

  #open (nowMs: number): void {
    for (const work of this.#touched) {
      work.answeredInWindow = 0
      work.latencySumMs = 0
    }
    this.#touched.length = 0
    this.#sinceMs = nowMs
    this.#answered = 0
    this.#failed = 0
    this.#mostInFlight = 0
    this.#full = false
  }

  /** What the window shows, over all kinds of work in it. */
  #look (): Seen {
    let latencySumMs = 0
    let baseSumMs = 0
    for (const { answeredInWindow, latencySumMs: sumMs, baseMs } of this.#touched) {
      latencySumMs += sumMs
      baseSumMs += baseMs === 0 ? sumMs : baseMs * answeredInWindow
    }
    const stretch = baseSumMs === 0 ? Number.NaN : latencySumMs / baseSumMs
    return { stretch, baseMs: this.#answered === 0 ? 0 : baseSumMs / this.#answered }
  }

  #learn (windowMs: number, { stretch }: Seen, nowMs: number): void {
    const rate = this.#answered / windowMs
    if (this.#probe !== undefined) return this.#probed(this.#probe, stretch, nowMs)
    if (!this.#full) return this.#learnUnloaded(rate)

    this.#wasEverFull = true
    const gained = rate > 1.2 * this.#bestRate
    this.#bestRate = Math.max(rate, this.#bestRate * 0.95)
    if (Number.isNaN(stretch)) {
      this.#limit = clampLimit(this.#limit / 2)
      return
    }
    this.#learnBase((baseMs, latencyMs) => Math.min(baseMs, latencyMs))
    this.#carried = Math.max(this.#carriedNow(windowMs), this.#carried * 0.95)
    // A window still holds units from before the last doubling, so one that gains nothing proves nothing.
    this.#gainless = gained ? 0 : this.#gainless + 1
    if (this.#starting && this.#gainless < 2 && stretch < 1.5) {
      if (gained) this.#limit = clampLimit(this.#limit * 2)
      return
    }
    if (this.#starting) this.#nextProbeMs = nowMs // what was learnt at the start was learnt in a crowd
    this.#starting = false
    const next = 1.25 * this.#carried + 3 * Math.log10(1 + this.#carried) + 1
    this.#limit = clampLimit(stretch < 1.1 ? next : (this.#limit + next) / 2)
    if (Number.isNaN(this.#nextProbeMs)) this.#nextProbeMs = nowMs + this.#probeGapMs
    if (nowMs < this.#nextProbeMs) return
    this.#probe = { limit: clampLimit(Math.floor(this.#limit / 2)), stretch, windows: 0 }
  }

  /** Nobody was in anybody's way, so that latency is the base, and may drift with it. */
  #learnUnloaded (rate: number): void {
    // A lower rate says that less was asked for, not that less could be done.
    this.#bestRate = Math.max(rate, this.#bestRate)
    if (this.#mostInFlight > this.#limit / 2) return
    this.#learnBase((baseMs, latencyMs) => Math.min(latencyMs, baseMs + (latencyMs - baseMs) * 0.1))
  }

  #probed (probe: Probe, stretch: number, nowMs: number): void {
    if (++probe.windows < 2) return // the first window still holds units from before
    // Units that were let in all the same, or were still about, leave the question open.
    const wasTried = this.#mostInFlight <= 1.25 * probe.limit
    const ours = !wasTried || stretch < 0.85 * probe.stretch
    if (wasTried) this.#learnBase((baseMs, latencyMs) => ours ? Math.min(baseMs, latencyMs) : latencyMs)
    if (!ours && stretch > 1) this.#carried *= stretch // the same rate, of what takes longer now
    this.#probe = undefined
    // Probes become rare once one has found nothing: neither a lower base nor a higher one.
    const isSettled = wasTried && ours && stretch > 0.95
    this.#probeGapMs = isSettled ? Math.min(longestProbeGapMs, 2 * this.#probeGapMs) : firstProbeGapMs
    this.#nextProbeMs = nowMs + this.#probeGapMs
  }

  #learnBase (next: (baseMs: number, latencyMs: number) => number): void {
    for (const work of this.#touched) {
      const latencyMs = work.latencySumMs / work.answeredInWindow
      work.baseMs = work.baseMs === 0 ? latencyMs : next(work.baseMs, latencyMs)
    }
  }

  #carriedNow (windowMs: number): number {
    let sumMs = 0
    for (const { answeredInWindow, baseMs } of this.#touched) sumMs += answeredInWindow * baseMs
    return sumMs / windowMs
  }
}

interface Seen {
  /** Latency as a multiple of the base latency; not a number when nothing was answered. */
  readonly stretch: number
  readonly baseMs: number
}

interface Probe {
  readonly limit: number
  /** As it was before. */
  readonly stretch: number
  windows: number
}

/** Lets enough through to see that things are well again. */
const leastLimit = 3
const mostLimit = 10_000
const leastSamples = 10
const shortestWindowMs = 50
const longestWindowMs = 2_000
const firstProbeGapMs = 500
const longestProbeGapMs = 8_000

function clampLimit (limit: number): number {
  return Math.min(mostLimit, Math.max(leastLimit, limit))
}
