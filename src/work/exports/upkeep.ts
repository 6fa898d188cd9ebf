import { type Cancel, type Clock, type Random, runWithoutContext } from '../../kernel/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import { isFinal, type Jobs } from '../jobs/index.ts'
import type { ExportLedger } from './ledger.ts'
import type { ExportMetrics } from './metrics.ts'
import type { FileStore } from './store/index.ts'

/** What one round of upkeep did. */
export interface UpkeepDone {
  /** Exports whose files were deleted. */
  readonly swept: number
  /** Exports of which nothing is known any more. */
  readonly forgotten: number
  /** Exports whose job has gone without them. */
  readonly failed: number
}

export interface UpkeepParts {
  readonly ledger: ExportLedger
  readonly store: FileStore
  readonly jobs: Pick<Jobs, 'status'>
  readonly metrics: ExportMetrics
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
  /** How long the parts of an export that failed are kept, from which another run can go on. */
  readonly failedKeepMs: number
}

const batch = 100
const everyMs = 60_000
/** How long a process has to delete the files of a batch; then another one tries. */
const takenMs = 10 * 60_000
/** An export that has not been heard of for so long is looked after. */
const silentMs = 10 * 60_000

/** Deletes what has expired. Every process may do so at any time: what one works on, the others leave alone. */
export class ExportUpkeep {
  readonly #parts: UpkeepParts
  #stop: Cancel | undefined
  #running: Promise<unknown> = Promise.resolve()

  constructor (parts: UpkeepParts) {
    this.#parts = parts
  }

  async once (): Promise<UpkeepDone> {
    const { ledger } = this.#parts
    let [swept, forgotten, failed] = [0, 0, 0]
    for (const { id, swept: isSwept } of await ledger.takeDue(batch, takenMs)) {
      if (isSwept) forgotten += Number(await ledger.forget(id))
      else swept += Number(await this.#sweep(id))
    }
    for (const { id, job } of await ledger.stale(silentMs, batch)) {
      failed += Number(await this.#failWithoutJob(id, job))
    }
    return { swept, forgotten, failed }
  }

  /** From now on once a minute, at a time of this process's own. */
  start (): void {
    const { clock, random, logger } = this.#parts
    const round = (): void => {
      this.#running = runWithoutContext(() => this.once()).catch((error: unknown) => {
        logger.warn({ err: error }, 'upkeep of exports failed; it is tried again in a minute')
      })
    }
    this.#stop ??= clock.after(random() * everyMs, () => {
      round()
      this.#stop = clock.every(everyMs, round)
    })
  }

  async stop (): Promise<void> {
    this.#stop?.()
    await this.#running
  }

  async #sweep (id: string): Promise<boolean> {
    const { store, ledger, metrics, logger } = this.#parts
    try {
      await store.expire(`${id}/`, Number.POSITIVE_INFINITY)
    } catch (error) {
      logger.warn(
        { err: error, export: id },
        'the files of an export could not be deleted; it is tried again'
      )
      return false
    }
    metrics.swept.add(1)
    return ledger.swept(id)
  }

  async #failWithoutJob (id: string, job: string): Promise<boolean> {
    const { jobs, ledger, failedKeepMs } = this.#parts
    const status = await jobs.status(job)
    if (status !== undefined && !isFinal(status)) return false
    const message = `its job ${job} is ${
      status?.state ?? 'gone'
    }; redrive it from the dead letters, or ask again`
    const fault = { name: 'ExportJobGoneError', code: 'EXPORT_JOB_GONE', message }
    return await ledger.fail(id, undefined, fault, failedKeepMs) !== undefined
  }
}
