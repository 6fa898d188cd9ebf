/**
 * Hashes text to 64 bits with a secret key, without allocating. Who does not know the key can neither find two
 * texts that collide nor aim at a place in a table.
 *
 * It is HalfSipHash-1-3, which is made for hash tables that outsiders fill, but for this: both halves of the
 * result come from one finalization, and code units are packed four to a word; where some are above 255, their
 * high bytes follow as a word of another domain, so that no two texts are the same words.
 *
 * @see https://131002.net/siphash/ SipHash: a fast short-input PRF
 */
export class KeyedHash {
  readonly #key0: number
  readonly #key1: number
  /** First half of the last hash, a signed 32-bit number. */
  first = 0
  /** Second half of the last hash, a signed 32-bit number; both halves are never 0. */
  second = 0

  /** @param key 64 random bits */
  constructor (key: readonly [number, number]) {
    this.#key0 = key[0] | 0
    this.#key1 = key[1] | 0
  }

  /**
   * Hashes `text` in the name space `space`; the result stands in `first` and `second`.
   *
   * @param space a whole number from 0 to 65535
   */
  hash (space: number, text: string): void {
    const { length } = text
    const whole = length & ~3
    let v0 = this.#key0
    let v1 = this.#key1
    let v2 = 0x6c796765 ^ this.#key0
    let v3 = 0x74656462 ^ this.#key1
    let word = space << 16 ^ length
    let high = 0
    for (let at = 0;;) {
      v3 ^= word
      v0 = (v0 + v1) | 0
      v1 = (v1 << 5) | (v1 >>> 27)
      v1 ^= v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = (v3 << 8) | (v3 >>> 24)
      v3 ^= v2
      v0 = (v0 + v3) | 0
      v3 = (v3 << 7) | (v3 >>> 25)
      v3 ^= v0
      v2 = (v2 + v1) | 0
      v1 = (v1 << 13) | (v1 >>> 19)
      v1 ^= v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= word
      if (high !== 0) {
        v2 ^= 0xdd
        word = high
        high = 0
        continue
      }
      if (at >= length) break
      if (at < whole) {
        const a = text.charCodeAt(at)
        const b = text.charCodeAt(at + 1)
        const c = text.charCodeAt(at + 2)
        const d = text.charCodeAt(at + 3)
        word = (a & 0xff) | (b & 0xff) << 8 | (c & 0xff) << 16 | d << 24
        if ((a | b | c | d) > 0xff) high = a >>> 8 | (b >>> 8) << 8 | (c >>> 8) << 16 | (d >>> 8) << 24
        at += 4
      } else {
        for (word = 0; at < length; at++) {
          const unit = text.charCodeAt(at)
          word = word << 8 | (unit & 0xff)
          high = high << 8 | unit >>> 8
        }
      }
    }
    v2 ^= 0xff
    for (let round = 0; round < 3; round++) {
      v0 = (v0 + v1) | 0
      v1 = (v1 << 5) | (v1 >>> 27)
      v1 ^= v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = (v3 << 8) | (v3 >>> 24)
      v3 ^= v2
      v0 = (v0 + v3) | 0
      v3 = (v3 << 7) | (v3 >>> 25)
      v3 ^= v0
      v2 = (v2 + v1) | 0
      v1 = (v1 << 13) | (v1 >>> 19)
      v1 ^= v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    this.first = v1 ^ v3
    this.second = v0 ^ v2
    if (this.first === 0 && this.second === 0) this.second = 1
  }
}
