import { KeyedHash } from './keyed-hash.ts'

const slots = 256
/** Longer keys are hashed each time, so that what is remembered stays small. */
const longestKey = 64

/** A keyed hash that remembers the hashes of some keys it saw last: in a service the same ones come again and again. */
export class KeyMemo {
  readonly #hash: KeyedHash
  readonly #keys: string[] = Array.from({ length: slots }, () => '')
  readonly #spaces: Int32Array = new Int32Array(slots).fill(-1)
  readonly #firsts: Int32Array = new Int32Array(slots)
  readonly #seconds: Int32Array = new Int32Array(slots)
  /** As in {@link KeyedHash}. */
  first = 0
  second = 0

  constructor (secret: readonly [number, number]) {
    this.#hash = new KeyedHash(secret)
  }

  /** As in {@link KeyedHash}. */
  hash (space: number, key: string): void {
    const { length } = key
    // The end of an address or of an id differs most.
    const slot = length < 2 ?
      0 :
      (key.charCodeAt(length - 1) * 31 + key.charCodeAt(length - 2) * 7 + length + space) & (slots - 1)
    if (this.#spaces[slot] === space && this.#keys[slot] === key) {
      this.first = this.#firsts[slot] as number
      this.second = this.#seconds[slot] as number
      return
    }
    const hash = this.#hash
    hash.hash(space, key)
    this.first = hash.first
    this.second = hash.second
    if (length > longestKey) return
    this.#spaces[slot] = space
    this.#keys[slot] = key
    this.#firsts[slot] = hash.first
    this.#seconds[slot] = hash.second
  }
}
