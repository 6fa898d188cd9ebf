import { setTimeout as pause } from 'node:timers/promises'
import { cpuSeconds } from '../harness/index.ts'

/** How often the server's CPU time is read. Linux counts it in hundredths of a second. */
const lookMs = 250
/** Two ticks of a hundredth: what timers and a heartbeat take. */
const quietSeconds = 0.02

/**
 * Waits until a server has worked off what was left to it.
 *
 * @param atMostMs it is not waited longer
 * @returns how long it went on, in milliseconds, to the next quarter of a second; `Infinity` when it still does
 */
export async function untilIdle (pid: number, atMostMs: number): Promise<number> {
  let before = cpuSeconds(pid)
  for (let waitedMs = lookMs; waitedMs <= atMostMs; waitedMs += lookMs) {
    await pause(lookMs)
    const now = cpuSeconds(pid)
    if (now - before <= quietSeconds + 1e-6) return waitedMs - lookMs
    before = now
  }
  return Infinity
}
