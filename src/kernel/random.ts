/** Randomness as a port: a number in [0, 1). Not for secrets; those come from `node:crypto`. */
export type Random = () => number

/** The process's own source. */
export const systemRandom: Random = () => Math.random()

/**
 * A source that repeats itself for a seed. For tests and for replayable simulations.
 *
 * @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c mulberry32, public domain
 */
export function seededRandom (seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
