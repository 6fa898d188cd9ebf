import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { Clock } from '../../kernel/index.ts'

/** For how long one reading of the loop is good enough, in milliseconds. */
const readingMs = 250

/**
 * How much of the event loop's time is free, as a share from 0 to 1, over the last quarter of a second or so. For
 * work that can be done better or cheaper.
 */
export function loopHeadroom (
  clock: Clock,
  read: (since?: EventLoopUtilization) => EventLoopUtilization = (since) =>
    performance.eventLoopUtilization(since)
): () => number {
  let total = read()
  let free = 1
  let readMs = clock.now()
  return function headroom () {
    const nowMs = clock.now()
    if (nowMs - readMs >= readingMs) {
      // The difference of two totals; `read(total)` gives it.
      free = 1 - read(total).utilization
      total = read()
      readMs = nowMs
    }
    return free
  }
}
