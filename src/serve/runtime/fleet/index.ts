export { FleetWorker } from './fleet-worker.ts'
export { BootFailedError, Fleet, type FleetOptions, type Generation, type ReloadOutcome } from './fleet.ts'
export type { WorkerEars, WorkerExit, WorkerHost, WorkerProcess } from './worker-host.ts'
