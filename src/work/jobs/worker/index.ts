export { inBackground } from './background.ts'
export { type TierLimits, Worker, type WorkerParts } from './worker.ts'
