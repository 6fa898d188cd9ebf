export { type Compute, type ComputeRunOptions, type ComputeStats } from './compute.ts'
export {
  ComputeCancelledError,
  ComputeClosedError,
  ComputeDataError,
  ComputeModuleError,
  ComputeQueueFullError,
  ComputeTaskError,
  ComputeThreadLostError,
  ComputeUnknownTaskError,
} from './errors.ts'
export { openCompute } from './open-compute.ts'
export { type ComputeOptions } from './options.ts'
export { type ComputeOutcome, type ComputeRecord } from './record.ts'
export { type ComputeInput, type ComputeResult, type ComputeTaskInfo, type ComputeTaskName } from './task.ts'
