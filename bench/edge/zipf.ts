import type { Random } from '../../src/kernel/index.ts'

/**
 * Ranks from 0 by Zipf's law: rank k is drawn with a probability in proportion to 1 / (k + 1)^s.
 *
 * @param count how many ranks
 * @param s how uneven; 1 is what many shops' and sites' logs look like
 */
export function zipf (count: number, s: number, random: Random): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) sums[rank] = sum += 1 / (rank + 1) ** s
  return () => {
    const drawn = random() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! > drawn) high = middle
      else low = middle + 1
    }
    return low
  }
}
