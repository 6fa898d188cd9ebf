import type { Fleet, FleetWorker } from './fleet/index.ts'
import type { Vitals } from './protocol.ts'

/** What runs at this moment, as JSON can hold it; no secrets. */
export interface SupervisorStatus {
  readonly pid: number
  readonly node: string
  readonly state: 'starting' | 'serving' | 'stopping'
  readonly generation: number
  readonly workersWanted: number
  readonly addresses: readonly string[]
  readonly workers: readonly WorkerStatus[]
}

export interface WorkerStatus {
  readonly worker: number
  readonly slot: number
  readonly generation: number
  readonly pid: number
  readonly state: string
  readonly ageMs: number
  /** As of its last heartbeat, `heartbeatAgeMs` ago; missing before the first. */
  readonly vitals?: Vitals
  readonly heartbeatAgeMs: number
}

export function statusOf (fleet: Fleet, nowMs: number): SupervisorStatus {
  const { generation, workers } = fleet
  return {
    pid: process.pid,
    node: process.version,
    state: fleet.isStopping ? 'stopping' : fleet.isBooted ? 'serving' : 'starting',
    generation: generation.number,
    workersWanted: generation.size,
    addresses: workers.findLast(({ addresses }) => addresses.length > 0)?.addresses ?? [],
    workers: workers.map((worker) => workerStatus(worker, nowMs)),
  }
}

function workerStatus (worker: FleetWorker, nowMs: number): WorkerStatus {
  const { name, state, startedAtMs, vitals, vitalsAtMs } = worker
  return {
    ...name,
    state,
    ageMs: Math.round(nowMs - startedAtMs),
    ...(vitals === undefined ? {} : { vitals }),
    heartbeatAgeMs: Math.round(nowMs - vitalsAtMs),
  }
}
