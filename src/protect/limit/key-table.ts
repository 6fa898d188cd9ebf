import { SettingError } from '../../kernel/index.ts'
import { KeyMemo } from './key-memo.ts'

/** Ways of a set: 8 fingerprints of 8 bytes are one cache line. */
const ways = 8
const leastKeys = 64
const mostKeys = 2 ** 28

/** What `locate` answers when both sets of a key are full of live entries. */
export const noRoom = -1

/**
 * A table of fixed size from (limit, key) to a few numbers: 32 bytes a key, none of them on the heap.
 *
 * Keys are known by 64 bits of a keyed hash, so that two live keys share an entry by chance only: with a million
 * live keys, the odds that any two of them do are 3 in 100 million. An entry belongs to its key until
 * `expiresAtMs`; nothing else ever takes it. Each key has two sets of 8 entries to choose from; when both are
 * full of live entries there is no room. Of new keys, fewer than 1 in 10,000 find none while live ones fill three
 * eighths of the table; about 1 in 700 when they fill half of it, 1 in 14 at three quarters.
 */
export class KeyTable {
  readonly keys: number
  /** When the entry is free, on the store's clock; a limit's own time where that is the same. */
  readonly expiresAtMs: Float64Array
  readonly a: Float64Array
  readonly b: Float64Array
  readonly #fingerprints: Int32Array
  readonly #hash: KeyMemo
  readonly #setMask: number
  /** Whether the entry last located is a new one. */
  isNew = false

  /**
   * @param keys rounded up to a power of two; 64 to 2^28
   * @param secret 64 random bits, different in every process
   */
  constructor (keys: number, secret: readonly [number, number], setting = 'limit.keys') {
    if (!(keys >= leastKeys && keys <= mostKeys))
      throw new SettingError(setting, `a number from ${leastKeys} to ${mostKeys}`, keys)
    this.keys = 2 ** Math.ceil(Math.log2(keys))
    this.expiresAtMs = new Float64Array(this.keys)
    this.a = new Float64Array(this.keys)
    this.b = new Float64Array(this.keys)
    this.#fingerprints = new Int32Array(2 * this.keys)
    this.#hash = new KeyMemo(secret)
    this.#setMask = this.keys / ways - 1
  }

  /** Bytes that the table takes, all of them from the start; the system hands them out as they are touched. */
  get bytes (): number {
    return this.keys * 32
  }

  /** 32 further bits of the key last located. */
  get keyBits (): number {
    return this.#hash.second >>> 0
  }

  /**
   * The key's entry, or one that is free, which then is the key's: with `isNew` set, and yours until
   * `expiresAtMs` says otherwise, so write that before the next call.
   *
   * @returns the entry's index, or `noRoom`
   */
  locate (space: number, key: string, nowMs: number): number {
    this.#hash.hash(space, key)
    const { first, second } = this.#hash
    const fingerprints = this.#fingerprints
    let free = noRoom
    let set = (first & this.#setMask) * ways
    for (let turn = 0; turn < 2; turn++) {
      let untouched = false
      for (let entry = set; entry < set + ways; entry++) {
        const found = fingerprints[2 * entry]
        if (found === first && fingerprints[2 * entry + 1] === second) {
          this.isNew = false
          return entry
        }
        if (found === 0 && fingerprints[2 * entry + 1] === 0) {
          untouched = true
          if (free === noRoom) free = entry
          break // entries are first used in order
        }
      }
      // Nobody was ever sent on from a set with an entry that was never used.
      if (untouched) break
      if (free === noRoom) free = this.#firstExpired(set, nowMs)
      set = (second & this.#setMask) * ways
    }
    this.isNew = true
    if (free !== noRoom) {
      fingerprints[2 * free] = first
      fingerprints[2 * free + 1] = second
    }
    return free
  }

  /** The key's entry if it has one, expired or not; otherwise `noRoom`. */
  find (space: number, key: string): number {
    this.#hash.hash(space, key)
    const { first, second } = this.#hash
    for (const bits of [first, second]) {
      const set = (bits & this.#setMask) * ways
      for (let entry = set; entry < set + ways; entry++) {
        if (this.#fingerprints[2 * entry] === first && this.#fingerprints[2 * entry + 1] === second)
          return entry
      }
    }
    return noRoom
  }

  /** The share of entries that are live, from 0 to 1, read from a sample of at most 65,536. */
  liveShare (nowMs: number): number {
    const sample = this.expiresAtMs.subarray(0, 65_536)
    let live = 0
    for (const expiresAtMs of sample) if (expiresAtMs > nowMs) live++
    return live / sample.length
  }

  #firstExpired (set: number, nowMs: number): number {
    for (let entry = set; entry < set + ways; entry++) {
      if ((this.expiresAtMs[entry] ?? 0) <= nowMs) return entry
    }
    return noRoom
  }
}
