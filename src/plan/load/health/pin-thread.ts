import { spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'

/**
 * Keeps the calling thread on one core; Linux with `taskset` only.
 *
 * @returns whether it worked
 */
export function pinThread (core: number): boolean {
  try {
    // PID/task/TID, of the thread that asks.
    const threadId = readlinkSync('/proc/thread-self').split('/').at(-1) ?? ''
    return spawnSync('taskset', ['-cp', String(core), threadId], { stdio: 'ignore' }).status === 0
  } catch {
    return false
  }
}
