export { exitCodes } from './exit-code.ts'
export { grantedCores, type GrantedCoresOptions } from './granted-cores.ts'
export type { FailureReport, Vitals } from './protocol.ts'
export type { SupervisorStatus, WorkerStatus } from './status.ts'
export type {
  DrainReason,
  LossReason,
  RotationReason,
  StackFrame,
  SupervisorEvent,
  WorkerName,
} from './supervisor-event.ts'
export { runSupervisor, type SupervisorOptions } from './supervisor.ts'
