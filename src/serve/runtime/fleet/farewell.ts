import type { FailureReport } from '../protocol.ts'
import type { SupervisorEvent } from '../supervisor-event.ts'
import type { FleetWorker } from './fleet-worker.ts'
import type { WorkerExit } from './worker-host.ts'

/** Whether a worker has gone as it was meant to: drained in time, with nothing left open. */
export function wentWell ({ state, loss }: FleetWorker, { code }: WorkerExit): boolean {
  return state === 'draining' && loss === undefined && code === 0
}

/** What there is to tell of a worker that has gone. */
export function farewell (worker: FleetWorker, exit: WorkerExit, nowMs: number): SupervisorEvent {
  if (wentWell(worker, exit)) return { kind: 'worker-drained', cut: worker.cut ?? 0, ...worker.name }
  const { code, signal, lastWords } = exit
  return {
    kind: 'worker-lost',
    reason: worker.loss ?? (worker.state === 'starting' ? 'boot-failed' : 'crashed'),
    code,
    signal,
    inFlight: worker.vitals?.inFlight ?? 0,
    heartbeatAgeMs: nowMs - worker.vitalsAtMs,
    ...(worker.error === undefined ? {} : { error: worker.error }),
    lastWords,
    ...worker.name,
  }
}

/** Why a worker did not become ready: what it said, or else how it ended. */
export function bootError (worker: FleetWorker, { code, signal, lastWords }: WorkerExit): FailureReport {
  if (worker.error !== undefined) return worker.error
  const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
  const words = lastWords.trim()
  return {
    name: 'WorkerEndedError',
    code: 'WORKER_ENDED',
    message: `a worker ${how} before it was ready${words === '' ? '' : `:\n${words}`}`,
  }
}
