import { criticalities, type Criticality } from '../../kernel/index.ts'

/** How many lanes there are; lane 0 is the last to be refused. */
export const laneCount: number = criticalities.length

/**
 * The part of a room that units of each lane may fill while higher lanes are about. What is left is kept for
 * those, so that they find room at once and need not push anybody out.
 */
const shares: readonly number[] = [1, 0.85, 0.7, 0.5]

/** @returns 0 for critical to 3 for background */
export function laneOf (criticality: Criticality): number {
  return criticalities.indexOf(criticality)
}

/** Above 0, up to 1. */
export function shareOf (lane: number): number {
  return shares[lane] ?? 1
}
