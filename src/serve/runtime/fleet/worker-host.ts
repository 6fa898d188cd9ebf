import type { BootOrder, FromWorker, ToWorker } from '../protocol.ts'
import type { StackFrame } from '../supervisor-event.ts'

/** How a worker process ended. */
export interface WorkerExit {
  readonly code: number | null
  readonly signal: string | null
  /** The end of what it wrote to its standard error. */
  readonly lastWords: string
}

export interface WorkerEars {
  readonly onMessage: (message: FromWorker) => void
  /** Once, and nothing after it. */
  readonly onExit: (exit: WorkerExit) => void
}

/** Where workers run: node:cluster in production, objects in tests. */
export interface WorkerHost {
  /** Starts a process that boots by this order. What it does comes later, through the ears. */
  fork(order: BootOrder, ears: WorkerEars): WorkerProcess
}

export interface WorkerProcess {
  readonly pid: number
  /** Does nothing when the process has gone. */
  send(message: ToWorker): void
  kill(): void
  /**
   * Where the process's main thread stands, top frame first, also while its event loop is blocked. It can be
   * asked once; the process must be killed afterwards.
   *
   * @throws StackCaptureError
   */
  captureStack(): Promise<readonly StackFrame[]>
}
