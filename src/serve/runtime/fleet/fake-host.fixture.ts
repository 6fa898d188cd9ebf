import type { Settings } from '../../settings/index.ts'
import type { BootOrder, ToWorker, Vitals } from '../protocol.ts'
import type { StackFrame } from '../supervisor-event.ts'
import type { WorkerEars, WorkerHost, WorkerProcess } from './worker-host.ts'

/** A worker that does only what its test says. */
export class FakeWorker implements WorkerProcess {
  readonly pid: number
  readonly order: BootOrder
  readonly heard: ToWorker[] = []
  killed = false
  stack: readonly StackFrame[] = []
  readonly #ears: WorkerEars

  constructor (order: BootOrder, ears: WorkerEars) {
    this.pid = 1_000 + order.worker
    this.order = order
    this.#ears = ears
  }

  get isDraining (): boolean {
    return this.heard.some(({ plimsoll }) => plimsoll === 'drain')
  }

  send (message: ToWorker): void {
    this.heard.push(message)
  }

  /** Its end is told by the test, as a process's comes later. */
  kill (): void {
    this.killed = true
  }

  captureStack (): Promise<readonly StackFrame[]> {
    return Promise.resolve(this.stack)
  }

  progress (message: string): void {
    this.#ears.onMessage({ plimsoll: 'progress', message })
  }

  ready (addresses: readonly string[] = ['127.0.0.1:3000']): void {
    this.#ears.onMessage({ plimsoll: 'ready', addresses, bootMs: 5 })
  }

  beat (vitals: Partial<Vitals> = {}): void {
    this.#ears.onMessage({
      plimsoll: 'heartbeat',
      vitals: {
        loopDelayMs: 0,
        utilization: 0,
        memoryBytes: 1,
        inFlight: 0,
        requests: 0,
        health: { status: 'pass', state: 'ready', checks: {} },
        ...vitals,
      },
    })
  }

  fail (message: string): void {
    this.#ears.onMessage({ plimsoll: 'failed', error: { name: 'Error', message } })
    this.exit(1)
  }

  exit (code: number | null = 0, signal: string | null = null): void {
    this.#ears.onExit({ code, signal, lastWords: '' })
  }
}

export class FakeHost implements WorkerHost {
  readonly workers: FakeWorker[] = []

  fork (order: BootOrder, ears: WorkerEars): FakeWorker {
    const worker = new FakeWorker(order, ears)
    this.workers.push(worker)
    return worker
  }

  /** By the number that the fleet gave it: 1 for the first. */
  worker (id: number): FakeWorker {
    const found = this.workers[id - 1]
    if (found === undefined) throw new Error(`there is no worker ${id} yet`)
    return found
  }
}

/** Settings as far as the fleet reads them. */
export function fleetSettings (): Settings {
  const settings = {
    boot: { timeout: 30_000 },
    drain: { delay: 5_000, grace: 30_000, idle: 1_000 },
    rotate: { requests: 0, lifetime: 0, memory: 0, jitter: 0 },
    heartbeat: { interval: 1_000, stuckAfter: 10_000 },
    crash: { backoffBase: 200, backoffCap: 30_000, giveUpAfter: 0 },
  }
  return settings as Settings
}
