import { criticalities, type Criticality } from '../../kernel/index.ts'

/** How many lanes there are; lane 0 is the last to be refused. */
export const laneCount: number = criticalities.length

/**
 * The part of a room that units of each lane may fill while higher lanes are about. What is left is kept for
 * those, so that they find room at once and need not push anybody out. None is below 0.8: a lane that fills its part of
 * what may be in flight must still be seen to need more, and the limit is 1.25 times what is carried.
 */
const shares: readonly number[] = [1, 0.95, 0.9, 0.8]

/** @returns 0 for critical to 3 for background */
export function laneOf (criticality: Criticality): number {
  return criticalities.indexOf(criticality)
}

/** Remembers which lanes have been about, so that room is kept for those only. */
export class LanesSeen {
  readonly #seenMs: number[] = Array.from({ length: laneCount }, () => Number.NEGATIVE_INFINITY)

  saw (lane: number, nowMs: number): void {
    this.#seenMs[lane] = nowMs
  }

  /** Whether a lane has been about that is refused before `lane`. */
  isBelow (lane: number, nowMs: number): boolean {
    for (let below = lane + 1; below < laneCount; below++) {
      if (nowMs - this.#seenMs[below]! < rememberMs) return true
    }
    return false
  }

  /** The part of a room that units of `lane` may fill now; above 0, up to 1. */
  shareOf (lane: number, nowMs: number): number {
    for (let above = 0; above < lane; above++) {
      if (nowMs - this.#seenMs[above]! < rememberMs) return shares[lane] ?? 1
    }
    return 1
  }
}

/** Room is kept for a lane until it has not been seen for so long. */
const rememberMs = 1_000
