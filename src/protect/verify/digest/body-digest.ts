import { createHash, type Hash } from 'node:crypto'
import type { ExpectedDigest } from './content-digest.ts'

/**
 * Hashes a body as it comes in. Every digest that was sent is checked, not the strongest alone: a message
 * whose digests belong to two bodies would mean one to us and the other to whoever is behind us.
 */
export class BodyDigest {
  readonly #hashes: readonly (readonly [Hash, Buffer])[]

  constructor (expected: ExpectedDigest) {
    this.#hashes = Object.entries(expected).map((
      [algorithm, value]
    ) => [createHash(algorithm.replace('-', '')), value])
  }

  update (chunk: Uint8Array): void {
    for (const [hash] of this.#hashes) hash.update(chunk)
  }

  /** Whether all that came is the body that was meant. Ends the hashing: call it once. */
  matches (): boolean {
    let same = true
    for (const [hash, value] of this.#hashes) same = hash.digest().equals(value) && same
    return same
  }
}
