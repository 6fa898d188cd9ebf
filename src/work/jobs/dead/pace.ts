import type { Clock } from '../../../kernel/index.ts'

/**
 * Lets so many through a second, evenly: what is not used within a second is gone, so that a pause is not followed by a
 * rush.
 *
 * @returns how many may go now, at most `room`
 */
export function pace (perSecond: number, clock: Clock): (room: number) => number {
  const most = Math.max(1, perSecond)
  let saved = 1
  let lastMs = clock.now()
  return (room) => {
    const nowMs = clock.now()
    saved = Math.min(most, saved + (nowMs - lastMs) / 1_000 * perSecond)
    lastMs = nowMs
    const count = Math.max(0, Math.min(Math.floor(saved), room))
    saved -= count
    return count
  }
}
