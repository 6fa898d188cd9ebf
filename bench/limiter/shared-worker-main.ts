// A worker of the shared benchmark: hammers one key from a given moment on, and reports over IPC.
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/kernel/index.ts'
import { openShared, type SharedCheck, type SharedOrder } from './shared-subjects.ts'

export interface WorkerOrder extends SharedOrder {
  /** Requests that are decided at once. */
  readonly lanes: number
  readonly ms: number
  /** Pause of a lane after each decision, in milliseconds; 0: none. */
  readonly pauseMs: number
}

export interface WorkerReport {
  readonly decisions: number
  readonly admitted: number
  /** When requests were admitted, in milliseconds since the epoch; at most the first 300,000. */
  readonly admittedAtMs: Float64Array
  readonly longestWaitMs: number
}

/** So often a lane that never waits lets others run: a server reads its sockets in between, too. */
const decisionsPerTurn = 20
const mostTimes = 300_000

process.once('message', async (order: WorkerOrder) => {
  const check = await openShared(order)
  // Compiled and connected before it counts; the same key, so that the bucket is used already.
  await check()
  process.send?.('ready')
  process.once('message', async (startAtMs: number) => {
    while (systemClock.epochMs() < startAtMs) await turn()
    process.send?.(await hammer(check, order))
  })
})

async function hammer (check: SharedCheck, { lanes, ms, pauseMs }: WorkerOrder): Promise<WorkerReport> {
  const startedMs = systemClock.now()
  const offsetMs = systemClock.epochMs() - startedMs
  const times = new Float64Array(mostTimes)
  const report = { decisions: 0, admitted: 0, longestWaitMs: 0 }

  async function lane (): Promise<void> {
    let nowMs = systemClock.now()
    for (let nth = 1; nowMs - startedMs < ms; nth++) {
      if (pauseMs > 0) nowMs = systemClock.now()
      let admitted = check()
      if (typeof admitted !== 'boolean') {
        admitted = await admitted
        report.longestWaitMs = Math.max(report.longestWaitMs, systemClock.now() - nowMs)
      } else if (pauseMs === 0 && nth % decisionsPerTurn === 0) await turn()
      nowMs = systemClock.now()
      report.decisions++
      if (admitted && report.admitted < mostTimes) times[report.admitted] = nowMs + offsetMs
      if (admitted) report.admitted++
      if (pauseMs > 0) await pause(pauseMs)
    }
  }

  await Promise.all(Array.from({ length: lanes }, lane))
  return { ...report, admittedAtMs: times.slice(0, report.admitted) }
}
