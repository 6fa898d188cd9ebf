export { FleetWorker } from './fleet-worker.ts'
export { BootFailedError, Fleet, type FleetOptions } from './fleet.ts'
export type { Generation, ReloadOutcome } from './generations.ts'
export type { WorkerEars, WorkerExit, WorkerHost, WorkerProcess } from './worker-host.ts'
