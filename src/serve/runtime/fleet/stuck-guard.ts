import type { Cancel, Clock } from '../../../kernel/index.ts'
import { reportFailure } from '../protocol.ts'
import type { SupervisorEvent } from '../supervisor-event.ts'
import type { FleetWorker } from './fleet-worker.ts'
import { StuckWatch, type StuckWatchOptions } from './stuck-watch.ts'

/** Watches over workers that have become ready: one that is stuck is asked where, told of, and killed. */
export class StuckGuard {
  readonly #clock: Clock
  readonly #report: (event: SupervisorEvent) => void
  readonly #watch: StuckWatch
  readonly #workers = new Map<number, FleetWorker>()
  readonly #cancel: Cancel

  constructor (
    { clock, report, ...limits }: StuckWatchOptions & {
      readonly clock: Clock
      readonly report: (event: SupervisorEvent) => void
    }
  ) {
    this.#clock = clock
    this.#report = report
    this.#watch = new StuckWatch(limits)
    this.#cancel = clock.every(limits.intervalMs, () => this.#look())
  }

  heard (worker: FleetWorker): void {
    this.#workers.set(worker.id, worker)
    this.#watch.heard(worker.id, this.#clock.now())
  }

  forget ({ id }: FleetWorker): void {
    this.#workers.delete(id)
    this.#watch.forget(id)
  }

  close (): void {
    this.#cancel()
  }

  #look (): void {
    for (const { worker: id, silentMs } of this.#watch.silent(this.#clock.now())) {
      const worker = this.#workers.get(id)
      this.#watch.forget(id)
      if (worker !== undefined) void this.#end(worker, silentMs)
    }
  }

  async #end (worker: FleetWorker, silentMs: number): Promise<void> {
    const event = { kind: 'worker-stuck', silentMs, ...worker.name } as const
    try {
      this.#report({ ...event, stack: await worker.process.captureStack() })
    } catch (error) {
      this.#report({ ...event, stack: [], stackError: reportFailure(error).message })
    }
    worker.kill('stuck')
  }
}
