import { performance } from 'node:perf_hooks'

/**
 * The event loop as a port. A turn of the loop first reads and parses all that has arrived, and then comes to
 * its end, where what is to be done next can be decided knowing all of it.
 */
export interface Turn {
  /** Calls `run` once, at the end of this turn of the loop, after what arrived in it has been read. */
  readonly atEnd: (run: () => void) => void
  /** How long the loop has waited with nothing to do since it started, in milliseconds; it only rises. */
  readonly idleMs: () => number
  /** CPU time that the loop's thread has had since it started, in milliseconds; it only rises. */
  readonly cpuMs: () => number
}

/** The process's own event loop: `setImmediate` runs in the phase after the one that reads sockets. */
export const systemTurn: Turn = {
  atEnd: (run) => void setImmediate(run),
  idleMs: () => performance.nodeTiming.idleTime,
  cpuMs () {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1_000
  },
}
