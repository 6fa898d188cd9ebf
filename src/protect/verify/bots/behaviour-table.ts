import { SettingError } from '../../../kernel/index.ts'
import { hashText } from './hash-text.ts'

/** Slots that a key may take: where all are others', the one unused longest is given up. */
const ways = 4

/** What one client key did in its window. Fields of arrays, so that memory is fixed and nothing is collected. */
export class BehaviourTable {
  /** Slots; a power of two. */
  readonly capacity: number
  readonly #seed: number
  readonly #windowMs: number
  readonly #fingerprint: Uint32Array
  readonly #lastMs: Float64Array
  readonly #startMs: Float64Array
  readonly #requests: Uint32Array
  readonly #errors: Uint32Array
  readonly #conditional: Uint32Array
  /** Mean and mean square of the gaps between requests, in milliseconds, recent ones weighing more. */
  readonly #gapMean: Float64Array
  readonly #gapSquare: Float64Array
  /** 64 bits, one for each hash of a path. */
  readonly #paths: Uint32Array

  /** @param seed unguessable, so that nobody picks keys that share a slot */
  constructor (capacity: number, windowMs: number, seed: number) {
    if (!(Number.isInteger(capacity) && capacity >= ways && Number.isInteger(Math.log2(capacity)))) {
      throw new SettingError('bots.clients', `a power of two of at least ${ways}`, capacity)
    }
    this.capacity = capacity
    this.#seed = seed
    this.#windowMs = windowMs
    this.#fingerprint = new Uint32Array(capacity)
    this.#lastMs = new Float64Array(capacity).fill(-Infinity)
    this.#startMs = new Float64Array(capacity)
    this.#requests = new Uint32Array(capacity)
    this.#errors = new Uint32Array(capacity)
    this.#conditional = new Uint32Array(capacity)
    this.#gapMean = new Float64Array(capacity)
    this.#gapSquare = new Float64Array(capacity)
    this.#paths = new Uint32Array(capacity * 2)
  }

  /** All memory, in bytes: it does not grow. */
  get bytes (): number {
    return this.capacity * (4 + 8 + 8 + 4 + 4 + 4 + 8 + 8 + 8)
  }

  /** Counts a request. @returns the key's slot */
  arrived (key: string, path: string, isConditional: boolean, nowMs: number): number {
    const slot = this.#claim(key, nowMs)
    if (nowMs - this.#startMs[slot]! >= this.#windowMs) this.#restart(slot, nowMs)
    this.#gap(slot, nowMs - this.#lastMs[slot]!)
    this.#lastMs[slot] = nowMs
    this.#requests[slot]! += 1
    if (isConditional) this.#conditional[slot]! += 1
    const bit = hashText(path, this.#seed) >>> 26
    this.#paths[slot * 2 + (bit >>> 5)]! |= 1 << (bit & 31)
    return slot
  }

  /** Counts an answer of 401, 403 or 404, if the key is still known. */
  failed (key: string): void {
    const slot = this.#find(key)
    if (slot !== -1) this.#errors[slot]! += 1
  }

  requests (slot: number): number {
    return this.#requests[slot]!
  }

  errors (slot: number): number {
    return this.#errors[slot]!
  }

  conditional (slot: number): number {
    return this.#conditional[slot]!
  }

  /** Spread of the gaps over their mean: near 0 for a timer, about 1 for chance. */
  gapVariation (slot: number): number {
    const mean = this.#gapMean[slot]!
    const variance = Math.max(0, this.#gapSquare[slot]! - mean * mean)
    return mean > 0 ? Math.sqrt(variance) / mean : Infinity
  }

  /** Different paths, estimated from how many of 64 bits are set; above about 150 it says 267. */
  paths (slot: number): number {
    const set = ones(this.#paths[slot * 2]!) + ones(this.#paths[slot * 2 + 1]!)
    return -64 * Math.log(1 - Math.min(set, 63.0) / 64)
  }

  #gap (slot: number, gapMs: number): void {
    const count = this.#requests[slot]!
    if (count === 0) return
    // A plain mean at first, then one in which the last 16 or so weigh most.
    const weight = Math.max(1 / count, 1 / 16)
    this.#gapMean[slot]! += weight * (gapMs - this.#gapMean[slot]!)
    this.#gapSquare[slot]! += weight * (gapMs * gapMs - this.#gapSquare[slot]!)
  }

  #find (key: string): number {
    const first = this.#firstSlot(key)
    const fingerprint = this.#fingerprintOf(key)
    for (let slot = first; slot < first + ways; slot++) {
      if (this.#fingerprint[slot] === fingerprint) return slot
    }
    return -1
  }

  #claim (key: string, nowMs: number): number {
    const known = this.#find(key)
    if (known !== -1) return known
    const first = this.#firstSlot(key)
    let oldest = first
    for (let slot = first; slot < first + ways; slot++) {
      if (this.#lastMs[slot]! < this.#lastMs[oldest]!) oldest = slot
    }
    this.#fingerprint[oldest] = this.#fingerprintOf(key)
    this.#restart(oldest, nowMs)
    return oldest
  }

  #restart (slot: number, nowMs: number): void {
    this.#startMs[slot] = nowMs
    this.#requests[slot] = 0
    this.#errors[slot] = 0
    this.#conditional[slot] = 0
    this.#gapMean[slot] = 0
    this.#gapSquare[slot] = 0
    this.#paths[slot * 2] = 0
    this.#paths[slot * 2 + 1] = 0
  }

  #firstSlot (key: string): number {
    return hashText(key, this.#seed) & (this.capacity - ways)
  }

  /** Never 0, which is an empty slot. */
  #fingerprintOf (key: string): number {
    return (hashText(key, ~this.#seed) | 1) >>> 0
  }
}

function ones (bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
