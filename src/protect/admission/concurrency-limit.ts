/**
 * How many units of one class may be in flight, learnt from what comes back: as many as what stands behind the
 * class completes in the time that one takes when nobody is in its way (rate times base latency, Little's law),
 * and a little more, so that more room is found where there is some.
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
  #baseMs = Number.POSITIVE_INFINITY
  /** The best rate seen lately, per millisecond. */
  #bestRate = 0
  /** While each doubling of the limit brings more throughput, and latency does not rise. */
  #starting = true
  #gainless = 0
  #full = false
  readonly #window: Window = { sinceMs: Number.NaN, answered: 0, failed: 0, latencySumMs: 0, mostInFlight: 0 }
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

  /** Latency of one unit when nobody is in its way, in milliseconds; infinite while unknown. */
  get baseMs (): number {
    return this.#baseMs
  }

  /** Units per millisecond that were completed, at best. */
  get bestRate (): number {
    return this.#bestRate
  }

  /** Tells that a unit found no room: only then does the limit say anything about what could be carried. */
  wasFull (): void {
    this.#full = true
  }

  /** A unit was answered, `latencyMs` after it was started, when `inFlight` were under way with it. */
  answered (latencyMs: number, nowMs: number, inFlight: number): void {
    this.#window.answered++
    if (inFlight > this.#window.mostInFlight) this.#window.mostInFlight = inFlight
    this.#window.latencySumMs += latencyMs
    this.#close(nowMs)
  }

  /** A unit was not answered well: it counts as no throughput, and its latency teaches nothing. */
  failed (nowMs: number): void {
    this.#window.failed++
    this.#close(nowMs)
  }

  #close (nowMs: number): void {
    const { sinceMs, answered, failed, latencySumMs } = this.#window
    if (!(nowMs - sinceMs <= longestWindowMs)) return this.#open(nowMs) // the first one, or after a silence
    const windowMs = nowMs - sinceMs
    const base = this.#baseMs === Number.POSITIVE_INFINITY ? 0 : this.#baseMs
    if (windowMs < Math.max(shortestWindowMs, (this.#starting ? 1.2 : 2) * base)) return
    if (answered + failed < leastSamples && windowMs < 1_000) return
    this.#learn(answered / windowMs, answered === 0 ? Number.NaN : latencySumMs / answered, nowMs)
    this.#open(nowMs)
  }

  #open (nowMs: number): void {
    this.#window.sinceMs = nowMs
    this.#window.answered = 0
    this.#window.failed = 0
    this.#window.latencySumMs = 0
    this.#window.mostInFlight = 0
    this.#full = false
  }

  /** @param latencyMs not a number when nothing was answered */
  #learn (rate: number, latencyMs: number, nowMs: number): void {
    if (this.#probe !== undefined) return this.#probed(this.#probe, latencyMs, nowMs)
    if (!this.#full) return this.#learnUnloaded(rate, latencyMs)

    const gained = rate > 1.2 * this.#bestRate
    this.#bestRate = Math.max(rate, this.#bestRate * 0.95)
    if (Number.isNaN(latencyMs)) {
      this.#limit = Math.max(leastLimit, this.#limit / 2)
      return
    }
    this.#baseMs = Math.min(this.#baseMs, latencyMs)
    // A window still holds units from before the last doubling, so one that gains nothing proves nothing.
    this.#gainless = gained ? 0 : this.#gainless + 1
    if (this.#starting && this.#gainless < 2 && latencyMs < 1.5 * this.#baseMs) {
      if (gained) this.#limit = Math.min(mostLimit, this.#limit * 2)
      return
    }
    if (this.#starting) this.#nextProbeMs = nowMs // what was learnt at the start was learnt in a crowd
    this.#starting = false
    const carried = this.#bestRate * this.#baseMs
    const next = 1.25 * carried + 3 * Math.log10(1 + carried) + 1
    this.#limit = clampLimit(latencyMs < 1.1 * this.#baseMs ? next : (this.#limit + next) / 2)
    this.#startProbeWhenDue(latencyMs, nowMs)
  }

  /** Nobody was in anybody's way, so that latency is the base, and may drift with it. */
  #learnUnloaded (rate: number, latencyMs: number): void {
    this.#bestRate = Math.max(rate, this.#bestRate * 0.98)
    if (Number.isNaN(latencyMs) || this.#window.mostInFlight > this.#limit / 2) return
    this.#baseMs = latencyMs < this.#baseMs ? latencyMs : this.#baseMs + (latencyMs - this.#baseMs) * 0.1
  }

  #startProbeWhenDue (latencyMs: number, nowMs: number): void {
    if (Number.isNaN(this.#nextProbeMs)) this.#nextProbeMs = nowMs + this.#probeGapMs
    if (nowMs < this.#nextProbeMs) return
    this.#probe = {
      limit: Math.max(leastLimit, Math.floor(this.#limit / 2)),
      beforeMs: latencyMs,
      windows: 0,
    }
  }

  #probed (probe: Probe, latencyMs: number, nowMs: number): void {
    if (++probe.windows < 2) return // the first window still holds units from before
    const ours = latencyMs < 0.85 * probe.beforeMs
    if (!Number.isNaN(latencyMs)) this.#baseMs = ours ? Math.min(this.#baseMs, latencyMs) : latencyMs
    this.#probe = undefined
    this.#probeGapMs = ours ? Math.min(longestProbeGapMs, 2 * this.#probeGapMs) : firstProbeGapMs
    this.#nextProbeMs = nowMs + this.#probeGapMs
  }
}

interface Window {
  sinceMs: number
  answered: number
  failed: number
  latencySumMs: number
  mostInFlight: number
}

interface Probe {
  readonly limit: number
  readonly beforeMs: number
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
