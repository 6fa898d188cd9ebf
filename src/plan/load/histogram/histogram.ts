/**
 * A histogram as plain data, for JSON and other threads. `indexes` are the buckets that hold anything,
 * ascending; bucket `i` is [2^floor(i/128) * (1 + (i mod 128)/128), the same of i + 1) microseconds.
 */
export interface HistogramData {
  readonly buckets: 'log2/128 us'
  readonly indexes: readonly number[]
  readonly counts: readonly number[]
  /** Exact; 0 when nothing was recorded. */
  readonly minMs: number
  readonly maxMs: number
  readonly sumMs: number
}

const bucketsPerOctave = 128
/** 2^32 us is 71.6 minutes. */
const octaves = 32
const size = octaves * bucketsPerOctave
/** The upper word of a double holds sign, 11 bits of exponent and 20 of mantissa: 7 are kept. */
const droppedBits = 20 - 7
const firstIndex = 1023 * bucketsPerOctave

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)
const upperWord = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0

/**
 * Counts durations from 1 us to 71 minutes in fixed memory (32 KiB), however many there are.
 *
 * Each octave has 128 buckets of one width, so that a bucket's middle is within 1/256 (0.4 %) of all it holds.
 * The bucket is read from the bits of the number itself: no logarithm, no search. Shorter ones count as 1 us,
 * longer ones as the last bucket; the minimum, the maximum and the sum are exact. Counts are exact up to 2^53.
 */
export class Histogram {
  readonly #counts = new Float64Array(size)
  #count = 0
  #minMs = Infinity
  #maxMs = -Infinity
  #sumMs = 0

  static from (data: HistogramData): Histogram {
    const histogram = new Histogram()
    histogram.#add(data)
    return histogram
  }

  get count (): number {
    return this.#count
  }

  /** `NaN` when nothing was recorded, like all figures below. */
  get minMs (): number {
    return this.#count === 0 ? Number.NaN : this.#minMs
  }

  get maxMs (): number {
    return this.#count === 0 ? Number.NaN : this.#maxMs
  }

  get meanMs (): number {
    return this.#count === 0 ? Number.NaN : this.#sumMs / this.#count
  }

  record (ms: number): void {
    const at = bucketOf(ms)
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#count++
    this.#sumMs += ms
    if (ms < this.#minMs) this.#minMs = ms
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  /** The same as if all that `other` recorded had been recorded here. */
  merge (other: Histogram): void {
    for (let at = 0; at < size; at++) {
      const count = other.#counts[at] ?? 0
      if (count > 0) this.#counts[at] = (this.#counts[at] ?? 0) + count
    }
    this.#count += other.#count
    this.#sumMs += other.#sumMs
    this.#minMs = Math.min(this.#minMs, other.#minMs)
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs)
  }

  /**
   * The smallest recorded duration that at least `q` of all do not exceed (the nearest rank), within 0.4 %.
   *
   * @param q from 0 to 1
   */
  quantileMs (q: number): number {
    if (this.#count === 0) return Number.NaN
    const rank = Math.min(this.#count, Math.max(1, Math.ceil(q * this.#count)))
    // The extremes are known exactly.
    if (rank === 1) return this.#minMs
    if (rank === this.#count) return this.#maxMs
    let seen = 0
    for (let at = 0; at < size; at++) {
      seen += this.#counts[at] ?? 0
      if (seen >= rank) return Math.min(this.#maxMs, Math.max(this.#minMs, middleMs(at)))
    }
    return this.#maxMs
  }

  /** How many took at most so long; those in the bucket that `ms` falls into are shared out evenly. */
  countAtMost (ms: number): number {
    if (this.#count === 0 || ms < this.#minMs) return 0
    if (ms >= this.#maxMs) return this.#count
    const last = bucketOf(ms)
    let seen = 0
    for (let at = 0; at < last; at++) seen += this.#counts[at] ?? 0
    const low = lowerMs(last)
    const share = Math.min(1, Math.max(0, (ms - low) / (lowerMs(last + 1) - low)))
    return seen + Math.round((this.#counts[last] ?? 0) * share)
  }

  /** Forgets everything. */
  reset (): void {
    this.#counts.fill(0)
    this.#count = 0
    this.#minMs = Infinity
    this.#maxMs = -Infinity
    this.#sumMs = 0
  }

  toData (): HistogramData {
    const indexes: number[] = []
    const counts: number[] = []
    for (let at = 0; at < size; at++) {
      const count = this.#counts[at] ?? 0
      if (count === 0) continue
      indexes.push(at)
      counts.push(count)
    }
    const some = this.#count > 0
    return {
      buckets: 'log2/128 us',
      indexes,
      counts,
      minMs: some ? this.#minMs : 0,
      maxMs: some ? this.#maxMs : 0,
      sumMs: this.#sumMs,
    }
  }

  #add ({ indexes, counts, minMs, maxMs, sumMs }: HistogramData): void {
    for (const [position, at] of indexes.entries()) {
      const count = counts[position] ?? 0
      this.#counts[at] = (this.#counts[at] ?? 0) + count
      this.#count += count
    }
    if (this.#count === 0) return
    this.#sumMs = sumMs
    this.#minMs = minMs
    this.#maxMs = maxMs
  }
}

function bucketOf (ms: number): number {
  double[0] = ms * 1000
  const at = ((words[upperWord] ?? 0) >>> droppedBits) - firstIndex
  // Below 1 us the exponent is smaller, and a negative number has its sign bit set.
  if (at < 0 || ms < 0) return 0
  return at < size ? at : size - 1
}

function lowerMs (at: number): number {
  const octave = Math.floor(at / bucketsPerOctave)
  return 2 ** octave * (1 + (at % bucketsPerOctave) / bucketsPerOctave) / 1000
}

function middleMs (at: number): number {
  return (lowerMs(at) + lowerMs(at + 1)) / 2
}
