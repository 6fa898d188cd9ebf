import type { Share } from '../arrivals/index.ts'

/** A thread's part of a count that cannot be split evenly: the first ones take one more. */
export function shareOf (count: number, { thread, threads }: Share): number {
  return Math.floor(count / threads) + (thread < count % threads ? 1 : 0)
}
