import { leftMsOf } from './export-status.ts'
import type { Occupant } from './ledger.ts'

/** An export that waits for its turn has no progress to go by. */
const queuedSeconds = 30
const longestRunSeconds = 300
/** Upkeep, which makes the room, comes once a minute. */
const upkeepSeconds = 60
const unknownSeconds = 3_600

/**
 * When so few exports will be under way that another one may begin, by how those that run get on.
 *
 * @param most how many may be
 * @returns whole seconds, 1 to 300
 */
export function secondsUntilTurn (occupants: readonly Occupant[], most: number): number {
  const left = occupants.filter(isOpen).map((row) =>
    row.state === 'queued' ? queuedSeconds : Math.ceil(leftMsOf(row) / 1_000)
  ).toSorted((one, other) => one - other)
  return Math.min(longestRunSeconds, Math.max(1, left[left.length - most] ?? 1))
}

/**
 * When enough files will have been deleted for another export to begin, by when they expire.
 *
 * @param most bytes that may be kept
 * @returns whole seconds; an hour where what is kept does not expire yet
 */
export function secondsUntilRoom (occupants: readonly Occupant[], most: number): number {
  const kept = occupants.filter(({ state }) => state !== 'cancelled')
  let bytes = kept.reduce((sum, row) => sum + row.bytes, 0)
  const expiring = kept.filter(({ sweepAtMs }) => sweepAtMs !== null)
  for (const { sweepAtMs, nowMs, bytes: freed } of expiring.toSorted(bySweep)) {
    bytes -= freed
    if (bytes < most) return Math.max(0, Math.ceil((sweepAtMs! - nowMs) / 1_000)) + upkeepSeconds
  }
  return unknownSeconds
}

function isOpen ({ state }: Occupant): boolean {
  return state === 'queued' || state === 'running'
}

function bySweep (one: Occupant, other: Occupant): number {
  return one.sweepAtMs! - other.sweepAtMs!
}
