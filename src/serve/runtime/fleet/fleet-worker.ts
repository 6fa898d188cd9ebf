import type { Cancel } from '../../../kernel/index.ts'
import type { Settings } from '../../settings/index.ts'
import type { FailureReport, Vitals } from '../protocol.ts'
import type { DrainReason, LossReason, WorkerName } from '../supervisor-event.ts'
import type { PlannedWorker, WorkerState } from './plan.ts'
import type { RotationLimits } from './rotation.ts'
import type { WorkerProcess } from './worker-host.ts'

/** One worker in the fleet, from its start to its exit. */
export class FleetWorker implements PlannedWorker {
  readonly id: number
  readonly slot: number
  readonly generation: number
  /** Those of its generation: it lives by them to its end. */
  readonly settings: Settings
  readonly startedAtMs: number
  readonly limits: RotationLimits
  state: WorkerState = 'starting'
  due = false
  vitals: Vitals | undefined
  vitalsAtMs: number
  readyAtMs: number | undefined
  addresses: readonly string[] = []
  /** Why it drains; set once. */
  draining: DrainReason | undefined
  /** Connections cut at the end of its grace; set by its last word. */
  cut: number | undefined
  /** Why it is being ended by force, or what it said of its own end. */
  loss: LossReason | undefined
  error: FailureReport | undefined
  #process: WorkerProcess | undefined
  #deadline: Cancel | undefined

  constructor (
    { id, slot, generation, settings, nowMs, limits }: {
      readonly id: number
      readonly slot: number
      readonly generation: number
      readonly settings: Settings
      readonly nowMs: number
      readonly limits: RotationLimits
    }
  ) {
    this.id = id
    this.slot = slot
    this.generation = generation
    this.settings = settings
    this.startedAtMs = nowMs
    this.vitalsAtMs = nowMs
    this.limits = limits
  }

  get process (): WorkerProcess {
    if (this.#process === undefined) throw new Error(`worker ${this.id} has no process yet`)
    return this.#process
  }

  set process (process: WorkerProcess) {
    this.#process = process
  }

  /** What it must do next must be done in time; the deadline before, if any, is met. */
  set deadline (cancel: Cancel | undefined) {
    this.#deadline?.()
    this.#deadline = cancel
  }

  get name (): WorkerName {
    const { id, slot, generation } = this
    return { worker: id, slot, generation, pid: this.#process?.pid ?? 0 }
  }

  /** Ends it by force. The first reason stands; its exit is told by the host. */
  kill (reason: LossReason, error?: FailureReport): void {
    this.loss ??= reason
    this.error ??= error
    this.process.kill()
  }
}
