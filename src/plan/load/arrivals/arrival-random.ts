import { type Random, seededRandom } from '../../../kernel/index.ts'

/** A source of its own for each arrival, so that what it draws does not depend on who came before. */
export function arrivalRandom (seed: number, iteration: number): Random {
  return seededRandom(mixed(seed, iteration))
}

/** A number in [0, 1) for each arrival, without making a source. */
export function arrivalChance (seed: number, iteration: number): number {
  return mixed(seed ^ 0x5bd1e995, iteration) / 2 ** 32
}

/** The finalizer of MurmurHash3: neighbouring numbers come out unlike each other. */
function mixed (seed: number, iteration: number): number {
  let hash = Math.imul(seed | 0, 0x85ebca6b) ^ Math.imul((iteration + 1) | 0, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
